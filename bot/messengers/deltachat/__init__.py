"""Delta Chat: an account of its own or another device of the owner's, a full member of end-to-end encrypted chats.

Start at wire.py, which fetches, sends, and knows the owner; plain/ in the room above does everything else. rpc.py
speaks with the child process `deltachat-rpc-server`, account.py says what we ask of it, reader.py what is kept of a
message. calls/ is about calls of people's own apps. setup.py makes the account, second_device.py takes the owner's.
May import what bot.messengers offers, bot.texts, peer.calls, peer/transport/sdp's reader and shared.
The program is started only when the account is configured; of Delta Chat's Python packages nothing is imported.
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
"Of the journal, and before the names of its conversations."


def deltachat(home: Home, config: Config, thread: StoreThread) -> PlainMessenger:
    """The configured account. Raises InputError when it was never set up, or the program for it isn't installed."""
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
