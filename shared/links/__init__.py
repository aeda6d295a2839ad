"""Links, cards and descriptions that people pass on: from bytes and text to values, and back.

Start at kinds.py, the links of version 1. tokens.py has their common parts, paired.py and sealed.py the two encrypted
kinds, and card.py the contact card. finding.py finds links in any text, and damage.py says what is wrong with a broken
one. classic.py and pasted.py are for other programs. Pure; bad input raises one error, BadLink. May import shared, but
nothing that does I/O.
"""
