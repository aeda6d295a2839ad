"""The page on the owner's other devices, such as a phone, over the overlay or the local network.

Start at server.py, which admits a device by its address, its cookie and its key. pairing.py adds a device,
quiet_listener.py hides the server from everybody else, authority.py makes certificates, and device_socket.py carries
sound and picture. May import what peer/handset may.
"""
