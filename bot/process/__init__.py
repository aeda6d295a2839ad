"""The program as a process of its operating system: signals, memory, systemd, and where its files lie.

Start at ending.py, which ends it on a signal. service_manager.py and systemd_sockets.py speak with systemd, and
user_units.py and own_program.py find what starts the program. one_heap.py and uncollected.py save memory and time. May
import terminal and shared.
"""
