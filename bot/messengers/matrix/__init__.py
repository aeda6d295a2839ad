"""Matrix: an account for the bot. It is a full member of end-to-end encrypted rooms, with its own verified device.

Start at wire.py, the Wire that bot/messengers/plain needs, and at client.py, which connects the parts of the device.
In: api, reading (olm, megolm, people, rooms). Out: writing, keys. Setup: login, account_file, verification, verifying.
vault holds what a device must not forget, and forgetting decides which people it forgets. vodozemac does the
cryptography. May import what bot.messengers offers, bot.texts, shared, and vodozemac, which only a configured Matrix
account needs.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from bot.home import Home
from shared.config.schema import Config
from shared.errors import InputError
from shared.extras import how_to_add
from shared.store import StoreThread
from shared.store.journal import Journal

if TYPE_CHECKING:
    from bot.messengers.plain.messenger import PlainMessenger

NAME = "matrix"
"The name of the journal, and the prefix of the names of conversations."


def matrix(home: Home, config: Config, thread: StoreThread) -> PlainMessenger:
    """The configured bot. Raises InputError if it isn't logged in, or the library isn't installed."""
    check_installed()
    from bot.messengers.matrix.account_file import logged_in_account
    from bot.messengers.matrix.vault import Vault
    from bot.messengers.matrix.wire import MatrixWire
    from bot.messengers.plain.messenger import PlainMessenger

    journal = Journal(thread.store, NAME)
    strangers = config.calls.unknown == "ring"
    wire = MatrixWire(logged_in_account(home), Vault(journal), strangers=strangers, unverified=config.matrix.unverified)
    return PlainMessenger(wire, NAME, journal, thread.write, lifetime=config.calls.lifetime)


def check_installed() -> None:
    """Raise InputError if the library is missing. An extra installs it."""
    if importlib.util.find_spec("vodozemac") is None:
        raise InputError("Matrix needs the package vodozemac.", how_to_add("matrix"))
