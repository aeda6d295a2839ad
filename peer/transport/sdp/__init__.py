"""Offers and answers of other programs in the Session Description Protocol (RFC 8866, RFC 8829), as values.

Pure: text in, values out, and back. Nothing here opens a socket; peer/transport/sdp_leg.py does, on what was agreed.
May import peer/transport/profile.py and shared. Start with reading.py (text → `Description`), then negotiation.py
(what both sides can → `Agreement`), writing.py (our offer and answer), and rtp_numbers.py (packets of the other side's
numbering ↔ packets of our profile).
"""
