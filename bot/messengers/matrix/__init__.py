"""A Matrix account as the owner's bot: a full member of end-to-end encrypted rooms, with a verified device of its own.

Start at wire.py, which is what bot.messengers.plain wants of a messenger, and at client.py, which wires the device.
In: api, reading (olm, megolm, people, rooms). Out: writing, keys. Set-up: login, account_file, verification, verifying.
vault is what a device must not forget, forgetting whom it does. vodozemac does the cryptography, and is imported only
when Matrix is configured.
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
"Of the journal, and before the names of conversations."


def matrix(home: Home, config: Config, thread: StoreThread) -> PlainMessenger:
    """The configured bot. Raises InputError when it isn't logged in, or the library isn't installed."""
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
    """Raise InputError without the library, which is an extra."""
    if importlib.util.find_spec("vodozemac") is None:
        raise InputError("Matrix needs the package vodozemac.", how_to_add("matrix"))
