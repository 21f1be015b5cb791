"""The generators that ship with TabGenBench, one per file.

A control is a simple generator, such as one that shuffles training rows, for comparison with the other generators (the
models). A planted failure is a control that returns real rows with one known fault.
"""
