"""Keys: what is derived from links, how two sides agree on a new secret, and their identities in DTLS.

Start at handshake.py (from links to ICE credentials and pinned certificates), then pairing.py (a new secret in each
call, with ML-KEM-768 and X25519), identity.py (certificates) and phrase.py (four words to compare). Sans-IO. Every byte
is documented in docs/protocol.md. May import shared.links.
"""
