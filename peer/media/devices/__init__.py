"""Chooses which microphone, speaker and camera of this machine a call uses, while devices come and go.

Start at choice.py, a pure function that makes the choice. device_words.py has the sentences for the owner (pure).
follower.py opens the chosen device and switches to another. newcomers.py offers devices that are plugged in during a
call. `sound/` and `picture/` build on this folder and open the devices; the endpoint that joins all three is
endpoints/devices.py. May import `peer.media.trouble` and `shared`.
"""
