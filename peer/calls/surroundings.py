"""What a switchboard is given: the node, its overlay and its disk, the settings, and what shows calls to people."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peer.calls.call_socket import OpenSocket
from peer.calls.endpoint_choice import Endpoints
from peer.calls.files.shelf import FileShelf
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.news import CallListener
from peer.calls.recording.call_recording import Recordings
from peer.calls.together.inbox import CallLater
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from peer.transport.udp_socket import OverlaySocket
from shared.config.schema import Answering, Calls
from shared.node_id import NodeId
from shared.store import Store, StoreThread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """What the calls of one node have around them."""

    own: NodeId
    lines: Lines
    "Gets every call from now on."

    overlay: Overlay
    watch: OverlayWatch
    writes: StoreThread
    reader: LinkReader
    settings: Calls
    answering: Answering
    endpoints: Endpoints
    listeners: Sequence[CallListener]
    "They hear what happens to each call, in this order."

    call_waiting: Callable[[], bool] = lambda: False
    "Whether the owner can be asked about another call while one is up; if not, its caller hears `busy`."

    rings_again: Callable[[str], bool] = lambda chat: False
    "Whether the messenger of that chat brings a call again that rang when the program was killed."

    clock: Callable[[], float] = time.time
    "The time in Unix seconds."

    open_socket: OpenSocket = OverlaySocket.open
    shelf: FileShelf | None = None
    "Keeps the files of calls; without it none are sent or taken."

    recordings: Recordings | None = None
    "None: nobody records."

    call_later: CallLater | None = None
    "Runs the timers of conversations of several people; None: those of the event loop."

    @property
    def store(self) -> Store:
        """Contacts and calls on the disk, to be read."""
        return self.writes.store
