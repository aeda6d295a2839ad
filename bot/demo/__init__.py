"""`copybara demo`: two programs on this machine that call each other, as two people would see it.

Start at run.py, which tells the story. node.py is one of the two programs, screen.py draws the chat and the figures,
handset.py serves the page with an echo and a test picture to call. The demo starts real processes and speaks to them
through the JSON contract of docs/console.md, as any script could. May import bot, and little of it does.
"""
