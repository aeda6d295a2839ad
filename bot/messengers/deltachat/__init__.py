"""Delta Chat: the bot has its own account, or is another device of the owner's. It is a full member of encrypted chats.

Start at wire.py, which fetches, sends and knows the owner; bot/messengers/plain does the rest. rpc.py talks to the
child process `deltachat-rpc-server`, account.py has the requests to it, and reader.py decides what is stored of a
message. calls/ handles calls of Delta Chat's own apps. setup.py makes the account, second_device.py adds a device to
the owner's. May import what bot.messengers offers, bot.texts, peer.calls, the reader in peer/transport/sdp, and shared.
The child process runs only if the account is configured. None of Delta Chat's Python packages is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.home import Home
from shared.config.schema import Config
from shared.store import StoreThread
from shared.store.journal import Journal

if TYPE_CHECKING:
    from bot.messengers.plain.messenger import PlainMessenger

NAME = "deltachat"
"The name of the journal, and the prefix of the names of its conversations."


def deltachat(home: Home, config: Config, thread: StoreThread) -> PlainMessenger:
    """The configured messenger. Raises InputError if it was never set up, or its program isn't installed."""
    from bot.messengers.deltachat.calls.app_calls import AppCalls
    from bot.messengers.deltachat.rpc import Rpc
    from bot.messengers.deltachat.setup import accounts_folder, check_made
    from bot.messengers.deltachat.wire import DeltaChatWire
    from bot.messengers.plain.messenger import PlainMessenger

    check_made(home)
    rpc = Rpc(accounts_folder(home) / "accounts")
    calls = AppCalls(NAME, thread, strangers=config.calls.unknown == "ring")
    wire = DeltaChatWire(rpc, NAME, calls, unencrypted=config.deltachat.unencrypted)
    return PlainMessenger(wire, NAME, Journal(thread.store, NAME), thread.write, lifetime=config.calls.lifetime)
