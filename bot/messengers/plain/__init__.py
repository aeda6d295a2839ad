"""What messengers without buttons share: text with numbered choices out, text in, and the journal.

Start at wire.py: such a messenger is a `Wire`, which connects, fetches entries and sends messages. `PlainMessenger` in
messenger.py does the rest: it stores and carries out entries, sends links first, continues after a kill, and offers
numbers instead of buttons. values.py has what is stored, places.py the conversations, and compose.py turns a post into
a message. May import what bot.messengers offers, bot.texts, peer's values and shared; it knows no particular messenger.
"""
