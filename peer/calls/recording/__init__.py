"""The recording of a call that both sides know of: who records, who is shown that, who has refused.

Start at table.py, which is pure: what can become of a recording. call_recording.py carries that out in one call. The
file is written by peer/media/endpoints/recorder.py. This room imports what peer.calls may.
"""
