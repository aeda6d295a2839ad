"""What both sides of a call speak, and what this program remembers.

Pure, without sockets, files or a clock of its own, but for three rooms: store (the database), names (asking name
systems) and config (reading a file). links, secrets and call are the protocol: start at links/kinds.py, then
secrets/handshake.py and call/table.py. files and together are such tables too. policy.py decides whether a call is
answered, rings or is ignored; errors.py has every error that may reach a person. May import nothing of peer and bot.
"""
