"""The recording of a call that both sides know of: who records, who is shown that, who has refused.

table.py is what can become of it, without I/O; call_recording.py carries that out in one call. The file is written by
peer/media/endpoints/recorder.py. May import what peer.calls may.
"""
