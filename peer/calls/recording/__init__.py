"""Recordings of a call that both sides know of: who records, who sees that, and who has refused.

Start at table.py, a pure table of the states of a recording. call_recording.py carries them out in one call.
peer/media/endpoints/recorder.py writes the file. May import what peer.calls may.
"""
