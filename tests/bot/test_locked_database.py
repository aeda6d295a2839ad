"""Another process holds the database. A person who gives a command hears so within seconds, and it works later."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.home import Home
from bot.kinds import Kind
from tests.bot.console import SECONDS, Person, connect, hang_up, people, ring

AT_LAST = 25.0
"A limit in seconds for a sentence that is due after three: less than a write waits if nobody asks."

LOCKED = "another process has been writing to it for too long"


@contextlib.contextmanager
def locked(person: Person) -> Iterator[None]:
    """Hold the database, as a backup or a database viewer does."""
    database = Home(person.home).database
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=SECONDS)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_every_command_that_has_to_write_gets_a_sentence(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        with locked(bob):
            for command in ("/call anna", "/contact trust anna", "/contact rename anna ann"):
                async with asyncio.timeout(AT_LAST):
                    assert LOCKED in await bob.asked(command), command
                await bob.in_order()
            # It talks to the running program, and then to the database itself.
            for words in (("call", "anna"), ("contacts", "rename", "anna", "ann")):
                async with asyncio.timeout(AT_LAST):
                    code, out, errors = await bob.cli(*words)
                assert (code, LOCKED in errors) == (1, True), (words, out, errors)
        await connect(bob, anna)
        await hang_up(bob, anna)


@pytest.mark.parametrize("command", ["/answer", "/decline", "/hangup"])
async def test_what_becomes_of_a_call_that_rings_is_said(friends: Path, tmp_path: Path, command: str) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await ring(anna, bob)
        with locked(bob):
            bob.write(command)
            async with asyncio.timeout(AT_LAST):
                assert LOCKED in await bob.told(kind=Kind.NOT_KEPT)
                await bob.told("anna", kind=Kind.ENDED)
        anna.write("/hangup")
        await anna.call("ended")
        await connect(anna, bob)
        await hang_up(anna, bob)
