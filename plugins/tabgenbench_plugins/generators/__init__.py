"""The generators that ship with TabGenBench, one per file."""
