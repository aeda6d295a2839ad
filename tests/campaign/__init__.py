"""The campaign: real programs, killed at random moments of everything they do. All homes are checked afterwards.

`python -m tests.campaign --kills 300` is the long form, test_campaign.py the short one. Start with campaign.py.
"""
