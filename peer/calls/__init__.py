"""Calls: from a link that was read, or a person who is called, to a connected leg, and back to what people read.

Start at switchboard.py. A line (line.py) is one call; admission.py lets it in, runner.py carries out what the call
table (shared/call) wants, session.py does its I/O. Pure: acceptances.py, attempts.py, epochs.py, limits.py,
session_events.py. This room may import all others of `peer`, and none of them imports it.
"""
