"""Keys: what is derived from links, how two sides agree on a new secret, and who they are to DTLS.

Start at handshake.py (from links to ICE credentials and pinned certificates), then pairing.py (a fresh secret in each
call, ML-KEM-768 and X25519), identity.py (certificates) and phrase.py (four words to compare). Sans-IO, every byte
documented in docs/protocol.md. May import shared.links.
"""
