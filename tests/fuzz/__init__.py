"""Fuzzing. Each parser of foreign bytes is a target: it takes any bytes, and returns a value or raises its known error.

texts.py holds the parsers of what chats, names, pages and files contain; sealed.py those of what only the owner of a
key can write; messengers.py those of what messengers' servers send and the journal keeps; nodes.py those of what the
overlay's node answers; pages.py those of requests to the program's own servers; packets.py those of packets from the
network. test_every_parser.py finds parsers without a target. `make test` runs each target for a moment (test_fuzz.py),
with everything in `found/`: inputs that once did harm. `make fuzz` runs each for half a minute under atheris, which
follows the branches that an input takes.
"""
