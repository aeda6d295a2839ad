"""One secured connection between two overlay addresses: UDP, ICE, DTLS-SRTP, SCTP and RTP.

Start at leg.py, which joins udp_socket.py, ice.py, dtls.py, sctp.py and control.py. sdp_leg.py is the leg to another
program, and sdp/ reads and writes such a program's descriptions. relay.py joins two legs, profile.py says which RTP
they speak. Several files use private names of aioice and aiortc: docs/architecture.md says which and what for. This
room imports `peer.overlay` and `shared` only.
"""
