"""Links, cards and descriptions as people pass them on: bytes and text to values, and back.

Start at kinds.py, the links of version 1. tokens.py has what they have in common, paired.py and sealed.py the two that
hide what they say, card.py the contact card. finding.py finds them in any text that a person would see one in,
damage.py says what is wrong with a broken one. classic.py and pasted.py are other programs'. Pure; bad input is one
error, BadLink. May import shared, but nothing that does I/O.
"""
