"""Voice messages for a contact who didn't answer: kept, and sent in the next proven call and in no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from peer.calls.files import voice
from peer.calls.files.source_file import describe
from shared.errors import FileRefused
from shared.files.records import KeptFile
from shared.files.table import FileState
from tests.peer.calls.files.calls import call, two_nodes, written
from tests.peer.calls.nodes import LIMITS, Node


async def left(who: Node, other: Node, path: Path, *, keyed: bool = True) -> KeptFile:
    """Leave a message for the other, as a copy of our own."""
    contact = who.store.contact_of(other.id)
    assert contact is not None
    described = describe(path, largest=voice.MAX_BYTES)
    return await voice.leave(who.switchboard.shelf, contact, path, described, ".webm", keyed=keyed, spooled=False)


async def test_a_message_waits_for_the_next_call_and_is_offered_in_it(tmp_path: Path) -> None:
    path = written(tmp_path, "spoken", 40_000)
    async with two_nodes(tmp_path) as (anna, ben):
        kept = await left(anna, ben, path)
        here, there = await call(anna, ben)
        offered = await there.until(FileState.OFFERED)
        assert (offered.voice, offered.name) == (True, kept.name)
        assert offered.name.endswith(" UTC.webm"), "the local time would show in which time zone its sender is"
        there.files.accept(offered.number)
        arrived = await there.until(FileState.DONE)
        delivered = await here.until(FileState.DONE)
        assert (arrived.voice, delivered.voice) == (True, True)
        assert arrived.path is not None
        assert arrived.path.read_bytes() == path.read_bytes()


async def test_who_allows_it_gets_a_contacts_message_without_being_asked_and_a_file_only_after(tmp_path: Path) -> None:
    limits = replace(LIMITS, voice=50_000)
    async with two_nodes(tmp_path, limits=limits) as (anna, ben):
        await left(anna, ben, written(tmp_path, "spoken", 50_000))
        await left(anna, ben, written(tmp_path, "longer", 50_001, seed=2))
        here, there = await call(anna, ben)
        arrived = await there.until(FileState.DONE)
        assert (arrived.size, arrived.automatic) == (50_000, True)
        assert (await there.until(FileState.OFFERED)).size == 50_001
        await here.files.send(written(tmp_path, "small", 100, seed=3))
        assert (await there.until(FileState.OFFERED, "small")).voice is False


async def test_a_message_is_for_a_contact_with_a_key_and_has_its_limits(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        path = written(tmp_path, "spoken", 1000)
        with pytest.raises(FileRefused, match="no key"):
            await left(anna, ben, path, keyed=False)
        for number in range(voice.MOST_WAITING):
            await left(anna, ben, written(tmp_path, f"{number}", 100, seed=10 + number))
        with pytest.raises(FileRefused, match="wait for ben"):
            await left(anna, ben, path)
