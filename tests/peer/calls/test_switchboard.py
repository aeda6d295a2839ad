"""What the switchboard does when a call into another part never returns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.home import Home
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.surroundings import Surroundings
from peer.calls.switchboard import Switchboard
from peer.media import CallContext
from peer.media.endpoints.none import NoMedia
from peer.overlay import Address
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.watch import OverlayWatch
from shared.call.table import State
from shared.config.schema import Answering, Calls
from shared.contacts import Contact
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store, StoreThread

ANNA = NodeId(b"anna".ljust(32))
SECRET = bytes(32)


class Deaf(LoopbackOverlay):
    """An overlay that never answers where another node is."""

    async def address_of(self, node: NodeId) -> Address:
        await asyncio.Event().wait()
        raise AssertionError


class Stuck(NoMedia):
    """An endpoint that never releases its device."""

    async def detach(self) -> None:
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def opened(home: Home) -> AsyncIterator[StoreThread]:
    with Store(home.database) as store:
        async with StoreThread(store) as writes:
            yield writes


class Only:
    """The kind of endpoint that every call gets."""

    def __init__(self, kind: type[NoMedia]) -> None:
        self._kind = kind

    def usual(self) -> str:
        return "none"

    def make(self, _name: str, _context: CallContext) -> NoMedia:
        return self._kind()


@pytest.mark.parametrize(("overlay", "endpoint"), [(Deaf, NoMedia), (LoopbackOverlay, Stuck)])
async def test_what_does_not_come_back_does_not_hold_up_the_end(
    tmp_path: Path, overlay: type[LoopbackOverlay], endpoint: type[NoMedia]
) -> None:
    home = Home(tmp_path / "bob")
    home.prepare()
    network = overlay(home.folder)
    own = await network.node_id()
    async with opened(home) as writes:
        store = writes.store
        store.save_contact(Contact(name="anna", node=ANNA, created=0))
        store.propose_secret(ANNA, SECRET, 0)
        switchboard = Switchboard(
            Surroundings(
                own=own,
                lines=Lines(),
                overlay=network,
                watch=OverlayWatch(network),
                writes=writes,
                reader=LinkReader(own, store, home.load_sealing_key()),
                settings=Calls(),
                answering=Answering(),
                endpoints=Only(endpoint),
                listeners=[],
            )
        )
        said = PairedBody(Operation.CALL, Media.BOTH, int(time.time()), 40_000)
        link = seal(said, secret=SECRET, source=ANNA, destination=own, nonce=bytes(12))
        async with asyncio.timeout(60):
            async with switchboard.running():
                line = (await switchboard.admission.read(link.token)).line
                assert line is not None
                await switchboard.answer(line)
                while line.call.state is State.RINGING:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                before = time.monotonic()
            assert time.monotonic() - before < 10
        assert store.running_calls() == []
