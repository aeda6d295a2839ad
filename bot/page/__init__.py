"""The program's side of the handset page.

Start at presenter.py, which tells the page what happens to calls, as values that view.py makes of lines, contacts and
records; the files shown_….py know what else is shown. requests.py does what the page asks for; explain.py says what a
link is; chime.py sounds the notice of an automatic answer. service.py puts them behind the server of peer/handset.
While the program waits for an overlay (no_overlay.py) or for its owner (cant_start.py), the page is waiting_page.py's.
May import all of bot but what is inside messengers.
"""
