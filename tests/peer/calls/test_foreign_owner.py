"""Asking the overlay for the owner of another program's offer, without slowing down other requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from peer.calls.foreign_reader import AT_ONCE, ForeignReader
from peer.overlay import Address
from shared.contacts import Contact
from shared.errors import InputError, OverlayDown
from shared.node_id import NodeId
from shared.store import Store

CONTACTS = 5 * AT_ONCE


class SlowOverlay:
    """Answers once the greatest number of simultaneous questions has arrived, and counts the questions."""

    def __init__(self) -> None:
        self.asked: list[NodeId] = []
        self.down = False
        self._waiting = asyncio.Barrier(AT_ONCE)

    async def address_of(self, node: NodeId) -> Address:
        self.asked.append(node)
        if len(self.asked) <= CONTACTS:
            await self._waiting.wait()
        if self.down:
            raise OverlayDown("The overlay's node restarts.")
        return IPv4Address(int.from_bytes(node.key[:4], "big"))


def offer(address: str) -> Any:
    return SimpleNamespace(candidates=[SimpleNamespace(address=IPv4Address(address))])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with many contacts, whose addresses are the first bytes of their node ids."""
    with Store(tmp_path / "db") as store:
        for number in range(CONTACTS):
            node = NodeId(IPv4Address(f"10.0.0.{number}").packed.ljust(32))
            store.save_contact(Contact(name=f"friend{number}", node=node, created=0))
        yield store


def reader_at(overlay: SlowOverlay, store: Store) -> ForeignReader:
    return ForeignReader(NodeId(bytes(32)), overlay=cast(Any, overlay), store=store, admission=cast(Any, None))


async def test_many_offers_of_strangers_ask_about_each_contact_once_and_about_many_at_a_time(store: Store) -> None:
    overlay = SlowOverlay()
    reader = reader_at(overlay, store)
    for _ in range(3):
        with pytest.raises(InputError, match="whose it is"):
            await reader._owner_of(offer("10.9.9.9"))
    assert len(overlay.asked) == CONTACTS
    # The node's owner is asked for again, because a remembered answer proves nothing.
    assert (await reader._owner_of(offer("10.0.0.7"))).key[:4] == IPv4Address("10.0.0.7").packed
    assert len(overlay.asked) == CONTACTS + 1


async def test_an_overlay_that_failed_is_asked_again(store: Store) -> None:
    overlay = SlowOverlay()
    reader = reader_at(overlay, store)
    overlay.down = True
    with pytest.raises(InputError, match="whose it is"):
        await reader._owner_of(offer("10.0.0.7"))
    overlay.down = False
    assert (await reader._owner_of(offer("10.0.0.7"))).key[:4] == IPv4Address("10.0.0.7").packed
