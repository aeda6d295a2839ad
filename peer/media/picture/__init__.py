"""Pictures: this machine's camera, and the size and form in which any picture is sent.

`camera` opens a camera through ffmpeg, and `camera_events` reports that one was plugged in. `size` turns and scales the
pictures of files and cameras, and `hdr` adapts those of HDR films. `black` is shown while a camera is gone; `digits` is
the font of the pattern's clock. May import `peer.media.devices`. Start with `camera.py`.
"""
