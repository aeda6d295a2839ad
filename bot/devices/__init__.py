"""The owner's other devices: which there are, how one is added and removed, and when they are served.

Start at book.py, which the owner's commands and the server ask; serving.py serves the page to devices while there are
any. May import peer, shared and bot/texts.
"""
