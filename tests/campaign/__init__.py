"""The campaign: real programs, killed at random moments of all that people do with them, and their homes checked.

`python -m tests.campaign --kills 300` is the long form, test_campaign.py the short one. Start with campaign.py.
"""
