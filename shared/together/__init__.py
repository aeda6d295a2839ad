"""Several people in one conversation, as far as it can be decided without a call.

Start with introduction.py (what the one who merges calls does) and invitation.py (what those who are asked do), both
tables; circle.py says who hears whom. Imports from `shared` alone.
"""
