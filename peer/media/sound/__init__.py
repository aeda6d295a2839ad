"""This machine's sound: PulseAudio and PipeWire (`pulse`), PortAudio, and tones that the program makes.

`types` has the block of 20 ms in which all sound is handled, and what a sound system offers; `system` finds the one
that is there; `microphone` and `speaker` are what an endpoint uses. May import `devices/` and `rtp/`.
Start with `types.py`.
"""
