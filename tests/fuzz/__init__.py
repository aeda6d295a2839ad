"""Each parser of foreign bytes is a target: it takes any bytes, and ends in a value or in its known error.

texts.py holds the parsers of what chats, names, pages and files bring, sealed.py those of what only somebody with a key
can write, messengers.py those of what messengers' servers say and the journal keeps, nodes.py those of what the
overlay's node answers, pages.py those of what the program's own servers are asked, packets.py those of what the network
brings. test_every_parser.py finds what has no target.
`make test` runs each for a moment (test_fuzz.py), with everything in `found/`: inputs that once did harm. `make fuzz`
runs each for half a minute under atheris, which follows the branches that an input takes.
"""
