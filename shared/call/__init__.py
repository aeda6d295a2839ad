"""The call as a table: state and event in, state and effects out. Everything that changes a call's state is here.

table.py is the machine, events.py and effects.py its words, records.py what is kept on disk of a call, diagram.py
writes docs/call.md. Pure. May import shared.links for the kinds of links; peer/calls/runner.py carries the effects
out.
"""
