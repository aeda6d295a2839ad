"""Installs and configures a Yggdrasil node, as a list of steps that people can read before they run.

Start at plan.py, which has the steps. public_peers.py lists volunteers' peers, firewall.py has the rules,
other_firewalls.py looks for what may stop calls all the same, and let_in.py lets the background service ask the node on
the first day. root.py shows and runs what only root may do, and for_root.py writes it for an administrator. May import
what the command line may.
"""
