"""Installing and configuring a Yggdrasil node: what is to be done as a list of steps, to be read before they run.

Start at plan.py, which has them. public_peers.py lists peers of volunteers, firewall.py has the rules, root.py shows
and runs what only root may do, and for_root.py hands it to an administrator. May import what the command line may.
"""
