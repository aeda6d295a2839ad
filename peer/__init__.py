"""The call itself: from a link that was read to the last packet.

Rooms, each of which may import those after it: calls (which calls there are, and what happens to each), handset (the
page in the owner's browser), media (endpoints: where sound and picture come from and go to), transport (ICE, DTLS, SCTP
and RTP over one UDP socket), overlay (the node on this machine). Start at calls/switchboard.py. May import shared.
"""
