"""Files in a call, as far as they can be decided without one.

Start with table.py (what can become of a transfer) and offers.py (what becomes of an offer). names.py makes a name safe
that somebody else has chosen, records.py has what outlives a call. Imports from `shared` alone.
"""
