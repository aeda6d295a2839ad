"""Programs that speak SDP: how each is written to, a file a program. envelope.py says what one has to know.

May import shared and peer/transport. docs/architecture.md says how to add one.
"""
