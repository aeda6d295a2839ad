"""Everything that outlives the process: one SQLite file, with a module per table.

Start at store.py, which joins the tables: contacts.py, secrets.py, compared.py, links.py, calls.py, names.py,
devices.py, transfers.py and facts.py. database.py opens the file, runs transactions and detects damage. journal.py is
what messengers store. schema.py has the steps from an empty file to the present tables. thread.py is where a running
program writes. May import shared/{contacts,call,node_id,errors} and names/kept.py; none of them imports this folder.
"""

from shared.store.store import Store
from shared.store.thread import StoreThread

__all__ = ["Store", "StoreThread"]
