"""A person who isn't a contact writes a link to Anna's bot, directly or in a group. The policy decides about it."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from bot.kinds import Kind
from bot.messengers.matrix.api import REPLY_BYTES
from bot.messengers.matrix.invitations import OF_STRANGER
from tests.bot.console import Chat, Person, as_before, people
from tests.bot.matrix.homeserver import Homeserver, Room
from tests.bot.matrix.members import Bot, Member, bot, joined, member

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def annas(in_memory: Homeserver, friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    """Anna's program with her bot."""
    folder = tmp_path_factory.mktemp("anna")
    async with member(in_memory, folder, "anna") as owner, bot(in_memory, folder, owner, "anna", friends) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dave(in_memory: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Member, Person]]:
    """A stranger: an account, and a program whose links he carries by hand."""
    folder = tmp_path_factory.mktemp("dave")
    async with member(in_memory, folder, "dave") as somebody, people(folder, "dave", chat=Chat()) as (program,):
        yield somebody, program


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _as_before(annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person]) -> AsyncIterator[None]:
    """End the calls and the fault that a test may have left, so that one that fails doesn't fail the next ones.

    What both programs have said lately is shown with a test that fails.
    """
    yield
    in_memory.fault = None
    for program in (annas.program, dave[1]):
        print(program.name, *program.said[-12:], program.errors[-5000:], sep="\n")  # noqa: T201
    await as_before(annas.program, dave[1])


async def link_for(annas: Bot, caller: Person) -> str:
    """A first request of a stranger's program."""
    caller.write(f"/call {annas.program.node}")
    return str((await caller.posted("chat"))["text"])


async def answer(annas: Bot, room: str, somebody: Member, caller: Person, link: str) -> None:
    """Anna answers with a number, the answer goes to where the link came from, and the call connects."""
    seen, read = len(annas.owner.seen), len(somebody.seen)
    await somebody.says(room, link)
    rings = str((await annas.owner.reads("Answer", room=annas.room, after=seen)).content["body"])
    await annas.owner.says(annas.room, rings.partition(": Answer,")[0].split()[-1])
    theirs = await somebody.reads("copybara:", room=room, after=read)
    caller.write(str(theirs.content["body"]), sender="anna")
    await asyncio.gather(*(each.call("active") for each in (caller, annas.program)))
    await annas.owner.says(annas.room, "/hangup")
    await asyncio.gather(*(each.call("ended") for each in (caller, annas.program)))


async def test_a_stranger_who_invites_the_bot_rings_and_gets_the_answer_in_that_room(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path
) -> None:
    _, caller = dave
    # Somebody without another room with the bot: it answers a person in any room of the two.
    async with member(in_memory, tmp_path, "ivan") as ivan:
        room = await ivan.client.make_room([annas.user], "")
        await joined(in_memory, room, annas.user)
        await answer(annas, room, ivan, caller, await link_for(annas, caller))


async def test_a_stranger_in_a_group_rings_and_gets_the_answer_in_that_group(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person]
) -> None:
    somebody, caller = dave
    room = await annas.owner.client.make_room([annas.user, somebody.user], "a group")
    await joined(in_memory, room, annas.user, somebody.user)
    await answer(annas, room, somebody, caller, await link_for(annas, caller))
    seen = len(annas.owner.seen)
    await somebody.says(room, "/contacts")  # and commands nothing, in either room
    await annas.asks("/status", "No calls")
    assert not [
        each
        for each in annas.owner.seen[seen:]
        if "ontacts" in str(each.content.get("body")) and each.room == annas.room
    ]


async def test_a_link_in_a_caption_is_read_and_no_file_is_fetched(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person]
) -> None:
    somebody, caller = dave
    room = await somebody.client.make_room([annas.user], "")
    await joined(in_memory, room, annas.user)
    seen = len(annas.owner.seen)
    file = {"msgtype": "m.image", "filename": "picture.png", "url": "mxc://chat.test/abc"}
    await somebody.says(room, await link_for(annas, caller), **file)
    await annas.owner.reads("Answer", room=annas.room, after=seen)
    await annas.owner.says(annas.room, "/decline")
    await annas.program.call("ended")
    caller.write("/hangup")
    await caller.call("ended")
    assert not [path for _, path in in_memory.asked if "media" in path]


async def test_who_writes_without_encryption_is_told_the_owner_and_no_journal(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path
) -> None:
    _, caller = dave
    async with member(in_memory, tmp_path, "ed", identity=False) as ed:
        room = str((await ed.client.api.post("/createRoom", {"invite": [annas.user]}))["room_id"])
        await joined(in_memory, room, annas.user)
        seen = len(annas.owner.seen)
        said = {"msgtype": "m.text", "body": await link_for(annas, caller)}
        await in_memory.put(room, in_memory.event(ed.user, "m.room.message", said))
        await annas.owner.reads(ed.user, "wasn't encrypted", room=annas.room, after=seen)
    caller.write("/hangup")
    await caller.call("ended")
    assert annas.user in annas.program.errors, "the terminal shows whose messages are read"
    assert ed.user not in annas.program.errors


async def test_somebody_with_new_keys_is_asked_about_once_and_read_after_a_number(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path
) -> None:
    _, caller = dave
    async with member(in_memory, tmp_path, "hank") as hank:
        room = await hank.client.make_room([annas.user], "")
        await joined(in_memory, room, annas.user)
        await rings_and_is_declined(annas, room, hank, caller)
    async with member(in_memory, tmp_path, "hank", device="OTHER") as again:  # an identity of its own
        room = await again.client.make_room([annas.user], "")
        await joined(in_memory, room, annas.user)
        link = await link_for(annas, caller)
        seen = len(annas.owner.seen)
        for _ in range(2):
            await again.says(room, link)
        asked = str((await annas.owner.reads("has a new key", room=annas.room, after=seen)).content["body"])
        await annas.asks("/status", "No calls")
        number = asked.rpartition("Reply ")[2].partition(":")[0]
        await annas.asks(number, "new key from now on")
        assert sum("has a new key" in str(each.content.get("body")) for each in annas.owner.seen[seen:]) == 1
        await again.says(room, link)
        await annas.owner.reads("Answer", room=annas.room, after=seen)
        await annas.owner.says(annas.room, "/decline")
        await annas.program.call("ended")
        caller.write("/hangup")
        await caller.call("ended")


async def test_the_bot_follows_a_room_that_was_upgraded_whoever_invites_it(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person]
) -> None:
    somebody, _ = dave
    old = await annas.owner.client.make_room([annas.user, somebody.user], "a group")
    await joined(in_memory, old, annas.user, somebody.user)
    new = await somebody.client.make_room([annas.owner.user], "the same group")
    await joined(in_memory, new, annas.owner.user)
    tombstone = in_memory.event(somebody.user, "m.room.tombstone", {"replacement_room": new}, state_key="")
    await in_memory.put(old, tombstone)
    await in_memory.invite(new, somebody.user, annas.user)
    await joined(in_memory, new, annas.user)
    await annas.owner.says(new, f"/call {Kind.STATUS}")  # nobody is called so, and the bot says so to its owner
    await annas.owner.reads(Kind.STATUS, room=annas.room)


@pytest.mark.parametrize("says_so", [True, False])
async def test_an_answer_follows_only_into_a_room_that_says_itself_whose_place_it_has_taken(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path, says_so: bool
) -> None:
    _, caller = dave
    async with member(in_memory, tmp_path, f"frank-{says_so}") as frank:
        everybody = [annas.user, frank.user]
        old, new = [await annas.owner.client.make_room(everybody, name) for name in ("a group", "family")]
        in_memory.rooms[new].beginning = {"predecessor": {"room_id": old}} if says_so else {}
        for room in (old, new):
            await joined(in_memory, room, *everybody)
        seen, read = len(annas.owner.seen), len(frank.seen)
        await frank.says(old, await link_for(annas, caller))
        rings = str((await annas.owner.reads("Answer", room=annas.room, after=seen)).content["body"])
        tombstone = in_memory.event(frank.user, "m.room.tombstone", {"replacement_room": new}, state_key="")
        await in_memory.put(old, tombstone)
        await annas.asks("/help", "/call")
        await annas.owner.says(annas.room, rings.partition(": Answer,")[0].split()[-1])
        await frank.reads("copybara:", room=new if says_so else old, after=read)
        await annas.owner.says(annas.room, "/hangup")
        await annas.program.call("ended")
        caller.write("/hangup")
        await caller.call("ended")


async def test_a_stranger_whose_room_leads_to_another_and_that_to_another_leads_the_bot_nowhere_for_long(
    annas: Bot, in_memory: Homeserver, tmp_path: Path
) -> None:
    async with member(in_memory, tmp_path, "erin") as erin:
        rooms = [await erin.client.make_room([annas.user], ""), *(f"!{number}:evil.test" for number in range(20))]
        await joined(in_memory, rooms[0], annas.user)
        for old, new in itertools.pairwise(rooms):
            in_memory.rooms[new] = Room(members={annas.user: ("invite", erin.user, 0)})
            in_memory.add(old, in_memory.event(erin.user, "m.room.tombstone", {"replacement_room": new}, state_key=""))
        for _ in range(20):  # it reads each room that it has been led to before it answers
            await annas.asks("/status", "No calls")
        assert 2 <= sum(in_memory.rooms[room].members[annas.user][0] == "join" for room in rooms) <= OF_STRANGER


async def test_a_first_message_is_read_although_somebody_has_taken_all_one_time_keys(
    annas: Bot, in_memory: Homeserver, tmp_path: Path
) -> None:
    """While the bot's computer is off, anybody with an account can take all of them."""
    (device,) = in_memory.devices_of(annas.user)
    assert await annas.program.signalled(signal.SIGTERM) == 0
    async with (
        member(in_memory, tmp_path, "frank") as frank,
        people(tmp_path, "frank", chat=Chat()) as (caller,),
    ):
        wanted = {"one_time_keys": {annas.user: {device: "signed_curve25519"}}}
        for _ in range(200):
            await frank.client.api.post("/keys/claim", wanted)
        room = await annas.owner.client.make_room([annas.user, frank.user], "a group")
        await joined(in_memory, room, frank.user)
        in_memory.rooms[room].members[annas.user] = ("join", annas.owner.user, 0)
        seen = len(annas.owner.seen)
        await frank.says(room, await link_for(annas, caller))
        await annas.program.begin()
        await annas.owner.reads("Answer", room=annas.room, after=seen)
        await annas.owner.says(annas.room, "/decline")
        await annas.program.call("ended")
        caller.write("/hangup")
        await caller.call("ended")


GONE = "!gone:evil.test"


async def test_a_room_whose_server_comes_back_is_joined_then_also_after_a_restart(
    annas: Bot, in_memory: Homeserver
) -> None:
    await a_room_that_nobody_gets_into(annas, in_memory)
    await annas.asks("/status", "No calls")
    assert await annas.program.signalled(signal.SIGTERM) == 0
    await annas.program.begin()
    in_memory.fault = None
    await joined(in_memory, GONE, annas.user)


async def to_the_device(annas: Bot, homeserver: Homeserver) -> None:
    """Messages to the bot's device may be longer than one reply."""
    (device,) = homeserver.devices_of(annas.user)
    for _ in range(4):
        message = {
            "type": "m.room_key_request",
            "sender": "@dave:chat.test",
            "content": {"x": "A" * (REPLY_BYTES // 4)},
        }
        await homeserver.send_to_device(annas.user, device, message)


async def devices_without_end(annas: Bot, homeserver: Homeserver) -> None:
    """A person's own server lists their devices."""
    key = "A" * (REPLY_BYTES // 8)
    devices = {f"D{number}": {"device_id": f"D{number}", "user_id": "@dave:chat.test", "x": key} for number in range(9)}
    answer = msgspec.json.encode({"device_keys": {"@dave:chat.test": devices}})

    def fault(user: str, path: str) -> web.Response | None:
        asks = user == annas.user and path.endswith("/keys/query")
        return web.Response(body=answer, content_type="application/json") if asks else None

    homeserver.fault = fault


async def pages_that_nobody_gets(annas: Bot, homeserver: Homeserver) -> None:
    """The pages depend on the stranger's own server."""

    def fault(user: str, path: str) -> web.Response | None:
        asks = user == annas.user and path.endswith("/messages")
        return web.json_response({"errcode": "M_UNKNOWN"}, status=504) if asks else None

    homeserver.fault = fault


async def rings_and_is_declined(annas: Bot, room: str, somebody: Member, caller: Person) -> None:
    """A link in that room rings, and Anna's commands are obeyed."""
    seen = len(annas.owner.seen)
    await somebody.says(room, await link_for(annas, caller))
    await annas.owner.reads("Answer", room=annas.room, after=seen)
    await annas.owner.says(annas.room, "/decline")
    await annas.program.call("ended")
    caller.write("/hangup")
    await caller.call("ended")
    await annas.asks("/status", "No calls")


def no_list_of_members(name: str) -> Callable[[Bot, Homeserver, str], Awaitable[None]]:
    """The server's reply about the members of the stranger's room."""

    async def begin(annas: Bot, homeserver: Homeserver, room: str) -> None:
        content = {"membership": "join", "x": [{}] * 20_000}
        bulky = [
            {"type": "m.room.member", "state_key": f"@e{each}:chat.test", "content": content} for each in range(13)
        ]
        answers = {
            "of bulky events": (200, {"chunk": bulky}),
            "forbidden": (403, {"errcode": "M_FORBIDDEN"}),
            "that doesn't come": (504, {"errcode": "M_UNKNOWN"}),
        }
        status, answer = answers[name]
        body = msgspec.json.encode(answer)

        def fault(user: str, path: str) -> web.Response | None:
            asks = user == annas.user and unquote(path) == f"/rooms/{room}/members"
            return web.Response(status=status, body=body, content_type="application/json") if asks else None

        homeserver.fault = fault

    return begin


@pytest.mark.parametrize("answer", ["of bulky events", "forbidden", "that doesn't come"])
async def test_a_strangers_room_whose_list_of_members_cant_be_read_keeps_the_owner_from_nothing(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path, answer: str
) -> None:
    _, caller = dave
    async with member(in_memory, tmp_path, f"mallory-{answer.split()[-1]}") as mallory:
        room = await mallory.client.make_room([annas.user], "")
        await joined(in_memory, room, annas.user)
        await no_list_of_members(answer)(annas, in_memory, room)
        await rings_and_is_declined(annas, room, mallory, caller)


async def test_a_group_of_the_owners_whose_list_of_members_doesnt_come_keeps_them_from_nothing(
    annas: Bot, in_memory: Homeserver, dave: tuple[Member, Person], tmp_path: Path
) -> None:
    _, caller = dave
    async with member(in_memory, tmp_path, "gus") as gus:
        room = await annas.owner.client.make_room([annas.user, gus.user], "a group")
        await joined(in_memory, room, annas.user, gus.user)
        await annas.asks("/status", "No calls")
        await no_list_of_members("that doesn't come")(annas, in_memory, room)
        # Somebody has joined, so the list must be requested again.
        come = in_memory.event(gus.user, "m.room.member", {"membership": "join"}, state_key=gus.user)
        in_memory.add(room, come)
        await rings_and_is_declined(annas, room, gus, caller)


async def a_room_that_nobody_gets_into(annas: Bot, homeserver: Homeserver) -> None:
    """Its server is gone, or replies to nobody."""
    homeserver.rooms[GONE] = Room()

    def fault(user: str, path: str) -> web.Response | None:
        joins = user == annas.user and path.startswith("/join/") and unquote(path).endswith(GONE)
        # Synapse's words are "Failed to make_join via any server".
        return web.json_response({"errcode": "M_UNKNOWN"}, status=502) if joins else None

    homeserver.fault = fault
    await homeserver.invite(GONE, "@eve:evil.test", annas.user)


async def rooms_full_of_bombs(annas: Bot, homeserver: Homeserver) -> None:
    """Each event is as large as a server allows."""
    content = {"msgtype": "m.text", "body": "x", "x": [{}] * 21_000}
    for number in range(16):
        room = f"!full{number}:evil.test"
        homeserver.rooms[room] = Room(members={annas.user: ("join", annas.user, 0)})
        homeserver.add(room, homeserver.event("@eve:evil.test", "m.room.message", content))


FLOODS = [to_the_device, devices_without_end, pages_that_nobody_gets, a_room_that_nobody_gets_into, rooms_full_of_bombs]


@pytest.mark.parametrize("flood", FLOODS)
async def test_what_a_stranger_makes_too_large_or_unreadable_keeps_the_owner_from_nothing(
    annas: Bot,
    in_memory: Homeserver,
    dave: tuple[Member, Person],
    flood: Callable[[Bot, Homeserver], Awaitable[None]],
) -> None:
    somebody, _ = dave
    room = await annas.owner.client.make_room([annas.user, somebody.user], "a group")
    await joined(in_memory, room, annas.user, somebody.user)
    await annas.asks("/status", "No calls")
    await flood(annas, in_memory)
    for _ in range(150):
        in_memory.add(room, in_memory.event(somebody.user, "m.room.message", {"msgtype": "m.text", "body": "x"}))
    await somebody.says(room, "copybara:" + "A" * 64)
    await annas.asks("/status", "No calls")
    await annas.asks("/status", "No calls")
