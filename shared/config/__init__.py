"""The configuration: what the owner may write in copybara.toml, and what holds where nothing is written.

Start at schema.py, one struct a section; reading a file names the key, the line and what is allowed. May import
shared.names for the form of server addresses and accounts, and shared.links.
"""
