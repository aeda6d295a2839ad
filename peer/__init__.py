"""The call itself: overlay, ICE and DTLS over it, media, sessions."""
