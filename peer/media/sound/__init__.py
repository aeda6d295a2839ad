"""This machine's sound: PulseAudio and PipeWire (`pulse`), PortAudio (`portaudio`), and tones that the program makes.

`types` has the block of 20 ms in which all sound is handled, and the protocol of a sound system. `system` finds the
sound system of this machine. Endpoints use `microphone` and `speaker`. May import `peer.media.devices` and
`peer.media.rtp`. Start with `types.py`.
"""
