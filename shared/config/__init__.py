"""The configuration: what the owner may write in copybara.toml, and the defaults.

Start at schema.py, one struct a section; checks.py says what a value must be beyond its type. file.py reads the file,
problems.py finds what is wrong in it and what is allowed, toml_lines.py on which line that is. May import shared.names
for the form of server addresses and accounts, and shared.links. Only file.py does I/O.
"""
