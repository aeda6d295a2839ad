"""Many calls, one after the other, between programs that run all the time, to see whether anything accumulates.

`make soak` is the long form, test_soak.py the short one. The scenes are those of the campaign of kills (tests/campaign)
and one in which a third person finds the line busy. footprint.py measures a program at a moment.
"""
