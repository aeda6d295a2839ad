"""What outlives the process: one SQLite file with one module a table.

database.py opens the file, keeps transactions and tells damage; contacts.py, secrets.py, links.py, calls.py, names.py
and facts.py are its tables, store.py puts them together, journal.py is what messengers keep. schema.py holds the steps
from an empty file to today's tables. thread.py is where a running program writes.

Imports shared/{contacts,call,node_id,errors} and what names keep (names/kept.py); nothing in here is imported by them.
"""

from shared.store.store import Store
from shared.store.thread import StoreThread

__all__ = ["Store", "StoreThread"]
