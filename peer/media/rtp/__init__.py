"""Turns RTP packets into encoded frames, and sends frames as RTP packets. Bounded, whatever arrives.

`sending` puts tracks on a leg. `incoming` taps a leg and gives whole encoded frames, which `depacketizer` puts
together. `timeline` places frames on one clock, `encoded` sends VP8 and Opus as they are in a file, and `webm` writes
them to a file. May import `peer.transport` and `shared`. Start with `incoming.py`.
"""
