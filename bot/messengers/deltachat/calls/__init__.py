"""Calls of Delta Chat's own apps: someone presses the call button in their app.

Start at app_calls.py: it passes incoming calls to the switchboard, and the switchboard's texts to the core. states.py
maps the core's states to our call's, ties.py says whose app a contact of the account is, and texts.py has the owner's
sentences. Descriptions and data channels are in peer/calls/programs/deltachat.py. May import what
bot/messengers/deltachat may.
"""
