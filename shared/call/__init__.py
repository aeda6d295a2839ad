"""The call as a table: state and event in, state and effects out. Everything that changes a call's state is here.

Start at table.py, the machine. events.py and effects.py are its words, records.py what is kept on disk of a call,
diagram.py writes docs/call.md. Pure; peer/calls/runner.py carries the effects out. May import shared.links for the
kinds of links.
"""
