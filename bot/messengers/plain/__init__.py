"""What messengers without buttons share: text out with numbered choices, text in, and the journal beneath.

Start at wire.py: a messenger of this kind is a `Wire`, which connects, fetches entries, and sends. Everything else is
`PlainMessenger` (messenger.py): stored first and acted on once, links first, what a killed program left, numbers in
place of buttons. values.py is what is kept, places.py which conversations there are, compose.py how a post becomes a
message. May import what bot.messengers offers, bot.texts, peer's values and shared; knows no messenger.
"""
