"""A call between two contacts on a network in memory, for sending files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer.calls.files.call_files import CallFiles
from peer.calls.files.transfer import FileChanged, Transfer
from peer.calls.line import Line
from peer.calls.news import Posted
from peer.calls.session import Session
from shared.files.table import FileState
from shared.media import Media
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node

KEY = b"k" * 32


@dataclass(slots=True)
class Side:
    """One node in the call."""

    node: Node
    line: Line

    @property
    def files(self) -> CallFiles:
        """The files of the call."""
        return self.node.switchboard.files(self.line)

    @property
    def session(self) -> Session:
        """The session of the call."""
        assert isinstance(self.line.session, Session)
        return self.line.session

    def said(self) -> list[Transfer]:
        """All that the owner has heard about files, without mere progress."""
        changes = [news for _, news in self.node.heard if isinstance(news, FileChanged)]
        return [change.transfer for change in changes if not change.progress]

    async def until(self, state: FileState, name: str = "") -> Transfer:
        """Wait until a transfer is in that state, and return the last change that brought it there."""

        def found() -> list[Transfer]:
            return [each for each in self.said() if each.state is state and name in ("", each.name)]

        await self.node.until(lambda: bool(found()))
        return found()[-1]

    async def ready(self) -> None:
        """Wait until the other side has announced that it accepts files."""
        await self.files.ready()


@contextlib.asynccontextmanager
async def two_nodes(
    folder: Path, network: MemoryNetwork | None = None, *, always: bool = False, **options: Any
) -> AsyncIterator[tuple[Node, Node]]:
    """Anna and Ben, who share a key. With `always`, Ben accepts Anna's files unasked. `options` are Ben's."""
    network = network or MemoryNetwork()
    async with node(folder, "anna", network) as anna, node(folder, "ben", network, **options) as ben:
        anna.knows(ben, key=KEY)
        ben.knows(anna, key=KEY, files=always)
        yield anna, ben


async def call(anna: Node, ben: Node) -> tuple[Side, Side]:
    """Make an active call in which both sides can send files."""
    line = await anna.switchboard.place(ben.id, Media.BOTH)
    reading = (await ben.reads_all(anna))[-1]
    assert reading.line is not None
    await ben.switchboard.answer(reading.line)
    if not reading.line.call.paired:
        await ben.hears(Posted, reading.line)  # the answer to a call that was written without a key
        await anna.reads_all(ben)
    await active((anna, line), (ben, reading.line))
    sides = Side(anna, line), Side(ben, reading.line)
    for side in sides:
        await side.ready()
    return sides


def written(folder: Path, name: str, size: int, seed: int = 1) -> Path:
    """Make a file of that size with content that depends on `seed`."""
    path = folder / name
    block = hashlib.shake_256(seed.to_bytes(8, "big")).digest(min(size, 1 << 20))
    with path.open("wb") as file:
        left = size
        while left > 0:
            file.write(block[:left])
            left -= len(block)
    return path
