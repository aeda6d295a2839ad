"""Calls: from a link that was read, or a person who is called, to a connected leg, and back to what people read.

Start at switchboard.py, whose parts makers.py makes. A line (line.py) is one call. admission.py lets in what the chat
brings, runner.py carries out what the call table (shared/call) asks for, sessions.py makes the session that does the
call's I/O (session.py), and line_keeping.py writes down what a restarted program needs (last_run.py). Beside a call's
sound and picture: files, recording, together (several people) and programs (that speak SDP). Pure: acceptances.py,
attempts.py, epochs.py, limits.py, own_media.py, session_events.py. This room may import all others of `peer`, and none
of them imports it.
"""
