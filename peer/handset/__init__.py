"""The handset: a page in the owner's own browser, and the second leg, which connects the page to a call.

Start at endpoint.py, which relays between the two legs, and page_server.py, which serves files and one WebSocket:
server.py does so for this machine, devices/ for the owner's other devices. connection_limits.py and access.py decide
who may connect and what they may request. proof.py is how page and server recognize each other, and protocol.py has
their messages. browser_leg.py and offer.py are the leg, and static/ is the page. May import media, transport and
shared.
"""
