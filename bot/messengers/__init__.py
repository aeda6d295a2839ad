"""The ways to read and write messages: one a file or a folder, and an entry in registry.py.

Start at bot/conversation.py, what passes between a messenger and the assistant, and at console.py, the smallest one.
What every messenger with a server needs is here as well: inbox (stored first, acted on once), outbox (a queue a chat,
the urgent first), journal_writer, rate_limit, owner_code, clock. Messengers without buttons share plain/. May
import bot.texts, peer's values and shared; a messenger never imports another one. docs/adding-a-messenger.md leads
through all of it.
"""
