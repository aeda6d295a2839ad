"""Whole nodes in one process, on a network in memory: each has a switchboard and a store, and they share a chat."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import FileShelf
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.news import News, Posted
from peer.calls.reading import Reading
from peer.calls.surroundings import Surroundings
from peer.calls.switchboard import Switchboard
from peer.media import CallContext
from peer.media.call_recordings import CallRecordings
from peer.media.endpoints.none import NoMedia
from peer.media.recording_limits import RecordingLimits
from peer.overlay.watch import OverlayWatch
from shared.call.table import State
from shared.config.schema import Answering, Calls, Config
from shared.contacts import Contact, Trust
from shared.node_id import NodeId
from shared.store import Store, StoreThread
from tests.peer.calls.memory import MemoryNetwork, MemoryOverlay

LIMITS = FileLimits(largest=100_000_000, folder=1_000_000_000, free=0)

PATIENCE = 30.0
"Seconds after which a missing event counts as a failure. No test depends on how soon an event comes."

_News = TypeVar("_News", bound=News)


class Clock:
    """A node's own clock, also used by its database. By the true time every link of these tests would have expired."""

    now = 1_700_000_000.0
    "Unix seconds."

    def __call__(self) -> float:
        return self.now


class Node:
    """One side: the news that it has heard, and its posted links that nobody has read yet."""

    def __init__(
        self,
        name: str,
        network: MemoryNetwork,
        writes: StoreThread,
        clock: Clock,
        *,
        calls: Calls | None = None,
        answering: Answering | None = None,
        usual: str = "none",
        call_waiting: bool = False,
        rings_again: Callable[[str], bool] = lambda chat: False,
        files: Path,
        takes_files: bool = True,
        limits: FileLimits = LIMITS,
        recordings: Path | None = None,
        recording_limits: RecordingLimits | None = None,
        hurry: float = 1.0,
    ) -> None:
        """Without a folder for `recordings`, or with `takes_files` False, the node acts like an earlier version.

        `hurry` divides the times for which people wait in conversations of several.
        """
        self.name = name
        self.files = files
        "The folder for files from others."

        self.id = NodeId(name.encode().ljust(32))
        self.writes = writes
        self.store = writes.store
        self._clock = clock
        self.posts: list[str] = []
        self.heard: list[tuple[Line, News]] = []
        self.on_hold: list[tuple[Line, bool]] = []
        "Whether a line was on hold when there was news of it."

        self.endpoints: list[str] = []
        "The names of the endpoints that were made."

        self.occasions: list[CallContext] = []
        "What they were made for."

        self.endpoint: type[NoMedia] = NoMedia
        "The class of the endpoints that are made."

        self.breaks: type[News] | None = None
        "At news of this type, this listener fails with an unexpected error."

        self._usual = usual
        self.happened = asyncio.Event()
        "Set whenever the switchboard reports news."

        self.sealing_key = X25519PrivateKey.generate()
        overlay = MemoryOverlay(self.id)
        self.switchboard = Switchboard(
            Surroundings(
                own=self.id,
                lines=Lines(),
                overlay=overlay,
                watch=OverlayWatch(overlay),
                writes=writes,
                reader=LinkReader(self.id, writes.store, self.sealing_key),
                settings=calls or Calls(),
                answering=answering or Answering(),
                endpoints=self,
                listeners=[self],
                call_waiting=lambda: call_waiting,
                rings_again=rings_again,
                recordings=CallRecordings(Config(), recordings, recording_limits) if recordings is not None else None,
                shelf=FileShelf(files, limits, writes, clock=clock) if takes_files else None,
                clock=clock,
                open_socket=network.open,
                call_later=lambda seconds, do, work: asyncio.get_running_loop().call_later(seconds / hurry, do, work),
            )
        )

    @property
    def now(self) -> float:
        """The node's time in Unix seconds."""
        return self._clock.now

    @now.setter
    def now(self, now: float) -> None:
        self._clock.now = now

    def usual(self) -> str:
        return self._usual

    def make(self, name: str, occasion: CallContext) -> NoMedia:
        self.endpoints.append(name)
        self.occasions.append(occasion)
        return self.endpoint()

    def told(self, line: Line, news: News) -> None:
        self.heard.append((line, news))
        self.on_hold.append((line, line.on_hold))
        if isinstance(news, Posted):
            self.posts.append(news.token)
        self.happened.set()
        if self.breaks is not None and isinstance(news, self.breaks):
            raise ZeroDivisionError

    @property
    def lines(self) -> list[Line]:
        return self.switchboard.lines

    async def reads(self, token: str) -> Reading:
        return await self.switchboard.admission.read(token)

    async def reads_all(self, other: Node) -> list[Reading]:
        """Read all that the other has posted since the last time."""
        posts, other.posts = other.posts, []
        return [await self.reads(token) for token in posts]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until `wanted` is true. It is called after each report of the switchboard."""
        async with asyncio.timeout(PATIENCE):
            while not wanted():
                self.happened.clear()
                await self.happened.wait()

    async def hears(self, kind: type[_News], line: Line | None = None) -> _News:
        """Wait for the first news of a kind, about one line or about any."""

        def found() -> list[_News]:
            return [news for about, news in self.heard if isinstance(news, kind) and line in (None, about)]

        await self.until(lambda: bool(found()))
        return found()[0]

    def knows(self, other: Node, *, trust: Trust = Trust.RING, key: bytes | None = None, **changes: object) -> None:
        """Save the other as a contact, with a shared key if one is given."""
        contact = Contact(name=other.name, node=other.id, trust=trust, created=0, **changes)  # type: ignore[arg-type]
        self.store.save_contact(contact)
        if key is not None:
            self.store.propose_secret(other.id, key, 0)
            self.store.commit_secret(other.id, key)


@contextlib.asynccontextmanager
async def node(
    folder: Path, name: str, network: MemoryNetwork, *, busy_seconds: float = 30.0, **options: object
) -> AsyncIterator[Node]:
    """Run a node with its own store in `folder`. A write waits up to `busy_seconds` for another process."""
    clock = Clock()
    with Store(folder / f"{name}.db") as store:
        async with StoreThread(store, busy_seconds=busy_seconds, clock=clock) as writes:
            files = folder / f"{name}-files"
            made = Node(name, network, writes, clock, files=files, **options)  # type: ignore[arg-type]
            async with made.switchboard.running():
                yield made


@contextlib.contextmanager
def locked(who: Node) -> Iterator[None]:
    """Let another process lock the node's database, so that nothing can be written."""
    other = sqlite3.connect(who.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextlib.asynccontextmanager
async def hanging_disk(writes: StoreThread) -> AsyncIterator[None]:
    """Let the disk hang, as a network drive does that has gone: until the block ends, no write is done."""
    back = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writes.write(lambda store: back.wait()))
        try:
            yield
        finally:
            back.set()


async def active(*sides: tuple[Node, Line]) -> None:
    """Wait until each line of its node is connected."""
    for who, line in sides:
        await who.until(lambda line=line: line.call.state is State.ACTIVE)  # type: ignore[misc]


async def over(*lines: Line) -> None:
    """Wait until each line has ended and closed."""
    async with asyncio.timeout(PATIENCE):
        for line in lines:
            await line.over.wait()


async def chat(first: Node, second: Node, *, until: Callable[[], bool]) -> None:
    """Let each read what the other posts, until a condition is true."""
    async with asyncio.timeout(PATIENCE):
        while not until():
            first.happened.clear()
            second.happened.clear()
            await first.reads_all(second)
            await second.reads_all(first)
            if until():
                return
            waiting = [asyncio.create_task(who.happened.wait()) for who in (first, second)]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
