"""Conversations of several people: the owner's calls with each of them are merged, and remain separate calls.

Start at together.py, where all events arrive. merging.py is for the person who merges, invitations.py for those who are
asked. introduced_calls.py makes the calls that follow, and members.py knows who is in a conversation. Listeners hear
the news in peer/calls/together_news.py. `shared.together` decides what can happen. May import what peer.calls may.
"""
