"""Installing and configuring a Yggdrasil node: what is to be done as a list of steps, each shown before it runs.

Start at plan.py. node_config.py changes the node's own configuration (pure), public_peers.py lists peers of volunteers,
firewall.py has the rules, and root.py runs what only root may do. May import what the command line may.
"""
