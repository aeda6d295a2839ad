"""What is done with a message: links are read for anyone, commands obeyed for the owner alone.

Start at assistant.py. reading.py reads links, commands.py turns the text of a command into a value, call_news.py turns
what happens to calls into sentences and links, contacts.py and contact_names.py keep the contact book, and every post
goes through posting.py. May import bot.texts, bot.conversation, peer.calls and shared, but no messenger and no page.
"""
