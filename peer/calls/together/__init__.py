"""Several people in one conversation: the calls with each of them are merged, and each call stays what it is.

Start at together.py, where everything comes in. merging.py is the side of the one who merges, invitations.py that of
those who are asked, introduced_calls.py makes the calls that follow, members.py knows who is in. What listeners hear is
in peer/calls/together_news.py. What can happen is decided in `shared.together`. Imports as `peer.calls` does.
"""
