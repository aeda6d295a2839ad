"""Programs that speak SDP: how each is written to, a file a program.

Start at envelope.py, which says what one has to know; docs/architecture.md says how to add one. May import shared and
peer/transport.
"""
