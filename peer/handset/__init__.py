"""The handset: a page in the owner's own browser, and the second leg that joins it to a call.

Start at endpoint.py, which relays between the two legs, and server.py, which serves files and one WebSocket.
connection_limits.py and access.py say who may connect and what they may ask, proof.py how the page and its server know
each other, protocol.py what they say. browser_leg.py and offer.py are the leg, static/ is the page. May import media,
transport and shared.
"""
