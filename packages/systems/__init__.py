"""Fresh Debian machines on this one: made by debootstrap, booted with their own systemd, each in a network namespace.

Start at machine.py. debian.py makes what is on the disk, terminal.py is the person who types.
"""
