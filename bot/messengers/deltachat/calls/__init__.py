"""Calls of Delta Chat itself, with the call button of somebody's app.

Start at app_calls.py: calls that came in go to the switchboard, what it writes goes to the core. states.py says what
the core's states mean for a call, ties.py whose app a contact of the account is, texts.py what the owner reads of it.
The description and the data channels are in peer/calls/programs/deltachat.py. May import what the folder above may.
"""
