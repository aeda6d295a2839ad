"""What both sides of a call speak. No sockets, no files and no clock of its own, but for store.py and names/."""
