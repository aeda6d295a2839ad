"""`copybara demo`: two programs on this machine call each other, as two people would see it.

Start at run.py, which tells the story. node.py is one of the two programs, screen.py draws the chat and the results,
and handset.py serves the page, with an echo and a test picture to call. The demo starts real processes, and talks to
them through the JSON contract of docs/console.md, as any script could. May import bot, but needs little of it.
"""
