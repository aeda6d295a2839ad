"""Files in a call: offered, accepted, carried beside sound and picture, and continued after a lost path or a kill.

Start at call_files.py, which owns the transfers of one call; other_side.py says which files are for the other side, and
shelf.py has what all calls share. frames.py (what is on the channel) and pace.py (how fast it may go) are pure;
part_file.py, folder.py (what arrives is written there) and source_file.py (what is sent) are at the edge. This room
imports `peer.transport`, `shared`, and the limits of a call (`peer.calls.limits`, `peer.calls.repeats`).
"""
