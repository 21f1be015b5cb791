"""The generators that ship with TabGenBench, one a file."""
