"""Many calls, one after the other, between programs that are never started again: does anything pile up?

`make soak` is the long form, test_soak.py the short one. The scenes are those of the campaign of kills (tests/campaign)
and one in which a third person hears that the line is busy. footprint.py says what a program holds at a moment.
"""
