"""The person's desktop: calls as notifications, and an entry among its applications, which opens links `copybara:`.

Start at call_notices.py, which shows calls (notification.py is one, notification_server.py who shows it), or at
install.py, which writes files: places.py says where the freedesktop specifications want them, entries.py and
mimeapps.py what is in them. May import what the command line may, and nothing of it.
"""
