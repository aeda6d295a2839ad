"""Which microphone, speaker and camera of this machine a call uses, while devices come and go.

Start at choice.py, which decides that (pure). device_words.py has the sentences for the owner (pure), follower.py opens
what was chosen and changes over, newcomers.py offers what is plugged in meanwhile. What a device is and how it is
opened is in sound/ and picture/, which build on this room; the endpoint that puts the three together is
endpoints/devices.py. May import `peer.media.trouble` and `shared`.
"""
