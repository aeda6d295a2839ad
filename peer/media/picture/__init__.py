"""Pictures: this machine's camera, and the form in which any picture is sent.

`camera` opens a camera by ffmpeg, and `camera_events` says that one was plugged in; `size` turns and fits pictures of
files and cameras; `black` is shown while a camera is gone; `digits` are the pattern's clock. May import
`peer.media.devices`. Start with `camera.py`.
"""
