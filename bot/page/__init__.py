"""The program's side of the handset page.

Start at presenter.py, which tells the page what happens to calls. view.py makes the page's values from lines, contacts
and records, and the files shown_….py keep what else is shown. requests.py does what the page asks for, with the other
files whose names end so. explain.py says what a link is, and chime.py plays the notice of an automatic answer.
service.py connects them with the server of peer/handset. While the program waits for an overlay (no_overlay.py) or for
its owner (cant_start.py), waiting_page.py has the page. May import all of bot, except the insides of messengers.
"""
