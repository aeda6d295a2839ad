"""The home in one file, and back.

sealed_file.py encrypts it with a passphrase, snapshot.py packs and unpacks a home, place.py puts one where it belongs.
Start at bot/cli/backup.py. What a restored home has to forget is shared/store/restored.py. May import shared.
"""
