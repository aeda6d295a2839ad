"""The messengers: ways to read and write messages. Each is a file or folder with an entry in registry.py.

Start at bot/conversation.py, which defines what a messenger and the assistant exchange, and at console.py, the smallest
messenger. Messengers with a server (telegram, deltachat and matrix) share inbox (stores entries before acting on them),
outbox (a queue per chat), journal_writer, rate_limit, owner_code and clock. Those without buttons also share plain/.
May import bot.texts, peer's values and shared; a messenger never imports another one. docs/adding-a-messenger.md
explains each step.
"""
