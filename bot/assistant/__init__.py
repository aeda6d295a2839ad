"""What is done with a message: links are read for anyone, commands are obeyed only for the owner.

Start at assistant.py. reading.py reads links, commands.py turns a command's text into a value, call_news.py turns news
of calls into sentences and links, contacts.py and contact_names.py change the contact book. May import
bot.texts, bot.conversation, bot.chats, peer.calls and shared, but no messenger and no page.
"""
