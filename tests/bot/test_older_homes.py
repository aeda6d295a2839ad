"""Homes that an older program has made keep contacts, calls and keys with this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path

from shared.store.schema import STEPS
from tests.bot.console import hang_up, people

HOMES = Path(__file__).parents[1] / "vectors" / "homes-of-schema-3.json"
"""anna and bob, who had two calls, the second with one link. bob trusts anna. The homes are as the program left them
when shared/store/schema.py had three steps. Databases are SQL, everything else is hexadecimal."""

OLDER_STEPS, CALLS = 3, 2


def unpack(folder: Path) -> None:
    for name, kept in json.loads(HOMES.read_text()).items():
        home = folder / name
        home.mkdir(mode=0o700)
        for file, content in kept["files"].items():
            (home / file).write_bytes(bytes.fromhex(content))
        with contextlib.closing(sqlite3.connect(home / "copybara.db")) as database:
            database.executescript("\n".join(kept["database"]))
            assert database.execute("PRAGMA user_version").fetchone() == (OLDER_STEPS,)


async def test_a_home_of_an_older_program_keeps_contacts_calls_and_keys(tmp_path: Path) -> None:
    assert len(STEPS) > OLDER_STEPS
    unpack(tmp_path)
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        for person, other in ((anna, bob), (bob, anna)):
            with person.store() as store:
                assert [(each.name, each.node) for each in store.contacts()] == [(other.name, other.id)]
                assert [record.peer for record in store.call_log(10)] == [other.id] * CALLS
        # Only a caller who has the key of their last call is answered automatically, and with one link.
        anna.write("/call bob")
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        await hang_up(anna, bob)
        assert {writer.name for writer, _ in anna.chat.posts} == {"anna"}
