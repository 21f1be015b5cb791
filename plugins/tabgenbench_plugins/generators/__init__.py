"""The generators that ship with TabGenBench, one per file.

Models learn from training rows. A control is a simple generator, such as shuffled training rows, whose scores are
compared with those of models. A planted failure is a control that returns real rows with one known fault.
"""
