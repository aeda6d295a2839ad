"""Between packets and frames.

`sending` puts tracks on a leg, `incoming` taps one and gives whole encoded frames by `depacketizer`; `timeline` places
them on one clock, `encoded` sends VP8 and Opus as they are, `webm` writes them to a file. Bounded whatever arrives. May
import `peer.transport` and `shared`. Start with `incoming.py`.
"""
