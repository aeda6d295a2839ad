"""The page on the owner's other devices, such as a phone, over the owner's own overlay.

Start at server.py, which lets a device in by its overlay address, its cookie and its key. pairing.py is how one becomes
a device, quiet_listener.py keeps everybody else from seeing that there is a server, authority.py makes certificates,
device_socket.py carries sound and picture. May import what peer/handset may.
"""
