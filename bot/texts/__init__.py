"""What the program says in a chat or on the page, as pure functions: values in, a Sentence out.

Start at chat.py, which is what the bot says of calls and links; contacts.py is what it says of contacts, overlay.py of
the overlay, names.py of name systems, page.py what only the page says, call_log.py the log, foreign.py what is said of
other programs. A sentence carries its kind (bot/kinds.py), which scripts and tests rely on; its English may change.
Plain words, the actor first, then what to do. Errors bring their own sentence, see shared/errors.py. May import
bot/kinds.py, bot/conversation.py, peer's values and shared.
"""
