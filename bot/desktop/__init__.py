"""The person's desktop: an entry among its applications, links of the scheme `copybara:`, a start at each log-in.

Start at install.py, which writes the files; places.py says where the freedesktop specifications want them, entries.py
and mimeapps.py what is in them. May import what the command line may, and nothing of it.
"""
