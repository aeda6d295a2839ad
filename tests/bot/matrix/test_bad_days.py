"""A server on a bad day: too fast, a proxy's page, events omitted, repeated or reordered, gone, or a log-in lost.

Bob's program and bot are real, the server is in memory. test_scenes.py tests Element, on Synapse.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from bot.home import Home
from bot.messengers import texts as common
from bot.messengers.matrix import texts
from bot.messengers.matrix.account_file import read_account
from bot.messengers.matrix.login import log_in
from tests.bot.console import SECONDS, as_before
from tests.bot.matrix.homeserver import Fault, Homeserver
from tests.bot.matrix.members import Bot, bot, joined, member

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_bobs(
    in_memory: Homeserver, friends: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    folder = tmp_path_factory.mktemp("bob")
    async with member(in_memory, folder, "bob") as owner, bot(in_memory, folder, owner, "bob", friends) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def bobs(running_bobs: Bot) -> AsyncIterator[Bot]:
    """Bob's program with his bot. A test may end it in any way."""
    yield running_bobs
    await as_before(running_bobs.program)


def answers(bobs: Bot, words: str, after: int = 0) -> int:
    """How many messages with these words the owner got."""
    return sum(words in str(each.content.get("body")) for each in bobs.owner.seen[after:])


def refusal(status: int, body: object, headers: dict[str, str] | None = None) -> Callable[[], web.Response]:
    """Makes a reply of a homeserver."""
    return lambda: web.json_response(body, status=status, headers=headers)


def page(status: int, headers: dict[str, str] | None = None) -> Callable[[], web.Response]:
    """Makes a proxy's page."""
    return lambda: web.Response(
        status=status, text="<html><body>please wait</body></html>", content_type="text/html", headers=headers
    )


LIMITED = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests"}


def first_times(in_memory: Homeserver, user: str, parts: tuple[str, ...], make: Callable[[], web.Response]) -> Fault:
    """A fault: the first time that the user requests a path with each of these parts, this is the reply."""
    left = set(parts)

    def fault(asker: str, path: str) -> web.Response | None:
        part = next((each for each in left if each in path), None)
        if asker != user or part is None:
            return None
        left.discard(part)
        return make()

    return fault


@pytest.mark.parametrize(
    "make",
    [
        refusal(429, LIMITED | {"retry_after_ms": 300}),
        refusal(429, LIMITED),
        refusal(429, LIMITED | {"retry_after_ms": -5}),
        refusal(400, LIMITED | {"retry_after_ms": "soon"}),
        refusal(429, {}, {"Retry-After": "1"}),
        refusal(403, {"errcode": 5, "error": "not a homeserver's"}),
        page(429),
        page(429, {"Retry-After": "1"}),
        page(502),
        page(504),
        page(403),
    ],
    ids=[
        "429",
        "429 without a time",
        "429 with a time in the past",
        "limit exceeded with another status",
        "429 without a code",
        "not a homeserver's",
        "a page with 429",
        "a page with 429 and a time",
        "a page with 502",
        "a page with 504",
        "a page with 403",
    ],
)
async def test_too_fast_and_a_proxys_page_cost_time_and_no_message(
    bobs: Bot, in_memory: Homeserver, make: Callable[[], web.Response]
) -> None:
    seen = len(bobs.owner.seen)
    in_memory.fault = first_times(in_memory, bobs.user, ("/sync", "/send/", "/keys/query"), make)
    try:
        await bobs.asks("/contacts", "anna")
    finally:
        in_memory.fault = None
    await bobs.asks("/status", "No calls")
    assert answers(bobs, "anna", seen) == 1


async def test_what_a_sync_leaves_out_is_fetched_up_to_where_it_was_read(bobs: Bot, in_memory: Homeserver) -> None:
    assert await bobs.program.signalled(signal.SIGTERM) == 0
    seen, asked, in_memory.limit = len(bobs.owner.seen), len(in_memory.asked), 5
    try:
        await bobs.owner.says(bobs.room, "/contacts")
        for number in range(250):
            filler = in_memory.event(bobs.owner.user, "m.room.message", {"msgtype": "m.text", "body": str(number)})
            await in_memory.put(bobs.room, filler)
        await bobs.program.begin()
        await bobs.owner.reads("anna", room=bobs.room, after=seen)
    finally:
        in_memory.limit = 100
    pages = [path for user, path in in_memory.asked[asked:] if user == bobs.user and path.endswith("/messages")]
    assert 3 <= len(pages) <= 10
    await bobs.asks("/status", "No calls")
    assert answers(bobs, "anna", seen) == 1


async def test_the_owner_hears_that_there_was_more_than_is_read(bobs: Bot, in_memory: Homeserver) -> None:
    assert await bobs.program.signalled(signal.SIGTERM) == 0
    seen = len(bobs.owner.seen)
    for number in range(1200):
        filler = in_memory.event(bobs.owner.user, "m.room.message", {"msgtype": "m.text", "body": str(number)})
        await in_memory.put(bobs.room, filler)
    await bobs.owner.says(bobs.room, "/contacts")
    await bobs.program.begin()
    await bobs.owner.reads(texts.UNREAD.text, room=bobs.room)  # once a day: another test may have been first
    await bobs.owner.reads("anna", room=bobs.room, after=seen)


async def test_rooms_full_of_huge_events_keep_nobody_from_being_read(bobs: Bot, in_memory: Homeserver) -> None:
    rooms = [await bobs.owner.client.make_room([bobs.user], "") for _ in range(6)]
    for room in rooms:
        await joined(in_memory, room, bobs.user)
    assert await bobs.program.signalled(signal.SIGTERM) == 0
    seen = len(bobs.owner.seen)
    await bobs.owner.says(bobs.room, "/contacts")
    content = {"algorithm": "m.megolm.v1.aes-sha2", "session_id": "x", "ciphertext": "A" * 63_000}
    huge = in_memory.event(bobs.owner.user, "m.room.encrypted", content)
    for room in rooms:
        for number in range(100):
            in_memory.add(room, huge | {"event_id": f"${room}{number}"})  # more than 32 megabytes in one answer
    await bobs.program.begin()
    await bobs.owner.reads("anna", room=bobs.room, after=seen)


async def test_events_that_come_again_or_in_another_order_are_acted_on_once(bobs: Bot, in_memory: Homeserver) -> None:
    seen = len(bobs.owner.seen)
    await bobs.asks("/contacts", "anna")
    written = [each for each in in_memory.said(bobs.room, "m.room.encrypted") if each["sender"] == bobs.owner.user]
    for event in reversed(written):
        await in_memory.put(bobs.room, event)
        await in_memory.put(bobs.room, event | {"event_id": f"{event['event_id']}-again"})
        await in_memory.put(bobs.room, event | {"origin_server_ts": event["origin_server_ts"] + 1000})
    await bobs.asks("/status", "No calls")
    assert answers(bobs, "anna", seen) == 1


async def test_what_was_edited_or_redacted_or_put_there_by_the_server_does_nothing(
    bobs: Bot, in_memory: Homeserver
) -> None:
    seen = len(bobs.owner.seen)
    await bobs.owner.says(bobs.room, "hello")
    (*_, hello) = [each for each in in_memory.said(bobs.room, "m.room.encrypted") if each["sender"] == bobs.owner.user]
    relation = {"rel_type": "m.replace", "event_id": hello["event_id"]}
    new = {"msgtype": "m.text", "body": "/contacts"}
    await bobs.owner.says(bobs.room, "* /contacts", **{"m.new_content": new, "m.relates_to": relation})
    await in_memory.put(bobs.room, {**hello, "event_id": "$redacted", "content": {}})
    for kind, content in (
        ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": hello["event_id"], "key": "1"}}),
        ("m.room.redaction", {"redacts": hello["event_id"]}),
        ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "session_id": "x", "ciphertext": "y"}),
        ("m.room.encrypted", {}),
    ):
        await in_memory.put(bobs.room, in_memory.event(bobs.owner.user, kind, content))
    await bobs.asks("/status", "No calls")
    assert answers(bobs, "anna", seen) == 0


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_kill_while_an_answer_leaves_writes_it_once(
    bobs: Bot, in_memory: Homeserver, carried_out: bool
) -> None:
    seen = len(bobs.owner.seen)
    killed: list[str] = []

    def kill(user: str, path: str) -> web.Response | None:
        if user == bobs.user and "/send/" in path and not killed:
            killed.append(path)
            bobs.program.process.kill()
            return None if carried_out else web.Response(status=502)
        return None

    in_memory.fault = kill
    try:
        await bobs.owner.says(bobs.room, "/contacts")
        await in_memory.until(lambda: killed)
        await bobs.program.gone()
    finally:
        in_memory.fault = None
    await bobs.program.begin()
    await bobs.owner.reads("anna", room=bobs.room, after=seen)
    await bobs.asks("/status", "No calls")
    assert answers(bobs, "anna", seen) == 1


async def test_the_owner_hears_at_once_that_nothing_can_be_saved_and_is_obeyed_when_it_can(bobs: Bot) -> None:
    """Another program holds the database, so no new message can be encrypted."""
    await bobs.asks("/contacts", "anna")
    seen = len(bobs.owner.seen)
    database = Home(bobs.program.home).database
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=SECONDS)) as other:
        other.execute("BEGIN IMMEDIATE")
        await bobs.owner.says(bobs.room, "/status")
        await bobs.owner.reads(texts.CANNOT_STORE.text, room=bobs.room, after=seen)
        assert answers(bobs, "No calls", seen) == 0
    for words in ("No calls", common.can_store().text):
        await bobs.owner.reads(words, room=bobs.room, after=seen)


async def test_a_machine_an_hour_ahead_of_its_server_is_told_so_and_still_calls(
    bobs: Bot, in_memory: Homeserver
) -> None:
    seen, in_memory.behind = len(bobs.owner.seen), 3600
    try:
        await bobs.asks("/call anna", "Calling anna")
        await bobs.owner.reads("clock is about 60 minutes ahead of your Matrix server's", room=bobs.room, after=seen)
    finally:
        in_memory.behind = 0
    await bobs.asks("/hangup", "anna")
    assert answers(bobs, "I was away", seen) == 0


async def test_what_is_read_of_a_room_while_its_members_are_asked_for_counts(
    in_memory: Homeserver, tmp_path: Path
) -> None:
    async with member(in_memory, tmp_path, "ines") as ines:
        client, room = ines.client, str((await ines.client.api.post("/createRoom", {}))["room_id"])
        async with asyncio.timeout(SECONDS), ines.news:
            await ines.news.wait_for(lambda: client.rooms.is_known(room))
        client.rooms.changed(room)

        def meanwhile(user: str, path: str) -> web.Response | None:
            if user == ines.user and path.endswith("/members"):
                in_memory.fault = None
                client.rooms.seen(room, in_memory.event(user, "m.room.encryption", {}, state_key=""))
                client.rooms.seen(room, in_memory.event(user, "m.room.member", {}, state_key="@jo:chat.test"))
            return None

        in_memory.fault = meanwhile
        assert await client.members(room) == {ines.user}
        known = client.rooms.of(room)
        assert (known.encrypted, known.members) == (True, None), "the list is older than what was read"
        assert await client.members(room) == {ines.user}
        assert client.rooms.of(room).members == [ines.user]


async def test_a_server_that_was_gone_is_found_again(bobs: Bot, in_memory: Homeserver) -> None:
    await in_memory.stop()
    await in_memory.start()
    assert await bobs.asks("/contacts", "anna")


async def test_a_device_that_was_logged_out_reads_what_was_written_meanwhile_once_it_is_logged_in_again(
    bobs: Bot, in_memory: Homeserver
) -> None:
    home = Home(bobs.program.home)
    account = read_account(home)
    assert account is not None
    before = account.device
    code, out, _ = await bobs.program.cli("doctor", "--json")
    assert {"name": "matrix", "ok": True}.items() <= _matrix_line(out).items(), (code, out)
    refused = in_memory.refused_tokens[account.token] = {"errcode": "M_UNKNOWN_TOKEN", "soft_logout": True}
    _, out, _ = await bobs.program.cli("doctor", "--json")
    assert "logged out" in str(_matrix_line(out)["detail"])
    await bobs.owner.says(bobs.room, "hello")  # it asks the server again
    async with asyncio.timeout(SECONDS):
        while "doesn't know this device any more" not in bobs.program.errors:
            await bobs.program.status()
    seen = len(bobs.owner.seen)
    await bobs.owner.says(bobs.room, "/contacts")
    assert await bobs.program.signalled(signal.SIGTERM) == 0
    del in_memory.refused_tokens[account.token], refused
    account = await log_in(home, account, "password")
    assert account.device == before
    await bobs.program.begin()
    await bobs.owner.reads("anna", room=bobs.room, after=seen)


def _matrix_line(out: str) -> dict[str, object]:
    checks = json.loads(out)["checks"]
    return next(dict(each) for each in checks if each["name"] == "matrix")
