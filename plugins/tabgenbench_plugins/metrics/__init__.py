"""The metrics that ship with TabGenBench, one a file."""
