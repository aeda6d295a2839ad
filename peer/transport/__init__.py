"""One secured connection between two overlay addresses: UDP, ICE, DTLS-SRTP, SCTP and RTP.

Start at leg.py, which joins udp_socket.py, ice.py, dtls.py, sctp.py and control.py; sdp_leg.py is the leg to another
program. relay.py joins two legs, profile.py says which RTP they speak. What is private in aioice and aiortc is used in
ice.py, dtls.py, sctp.py, sender.py and connections.py; tests/peer/transport/test_private_names.py lists it for each.
This room imports `peer.overlay` and `shared` only.
"""
