"""What outlives the process: one SQLite file with one module a table.

Start at store.py, which puts the tables together: contacts.py, secrets.py, compared.py, links.py, calls.py,
names.py and facts.py.
database.py opens the file, keeps transactions and tells damage; journal.py is what messengers keep. schema.py holds the
steps from an empty file to today's tables. thread.py is where a running program writes. May import
shared/{contacts,call,node_id,errors} and what names keep (names/kept.py); none of them imports this.
"""

from shared.store.store import Store
from shared.store.thread import StoreThread

__all__ = ["Store", "StoreThread"]
