"""Bad content in a reply costs at most its own piece, and never much memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.messengers.matrix.answers import (
    MOST_COMMAS,
    MOST_INVITATIONS,
    MOST_OBJECTS,
    MOST_PARTS,
    Pieces,
    TooMany,
    keys_answer,
    members_answer,
    messages_answer,
    sync_answer,
)
from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.reading import AT_ONCE, Sync
from shared.store import Store
from tests.bot.matrix.devices import Device

BOMB: Json = {"body": [{}] * (MOST_PARTS + 1)}


def event(sender: str, content: Json, **more: Any) -> Json:
    return {"type": "m.room.message", "sender": sender, "event_id": f"${sender}", "content": content, **more}


def plain(value: Any) -> Any:
    """The same value with every piece decoded."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | Pieces) else value


GOOD = event("@anna:b", {"msgtype": "m.text", "body": "hello " + "{" * 20}, origin_server_ts=7, unsigned={"age": 1})


def test_of_a_sync_everything_is_read_but_the_content_of_bombs() -> None:
    gone = event("@m:evil", BOMB, state_key="@m:evil", origin_server_ts=8)
    room = {"state": {"events": [GOOD]}, "timeline": {"events": [gone, GOOD], "limited": True, "prev_batch": "p"}}
    invited = {"invite_state": {"events": [GOOD]}}
    answer = {
        "next_batch": "n",
        "to_device": {"events": [GOOD, gone]},
        "device_lists": {"changed": ["@a:b"], "left": []},
        "device_one_time_keys_count": {"signed_curve25519": 3},
        "rooms": {"join": {"!r": room}, "invite": {"!i": invited}, "leave": {"!l": {"timeline": {}}}, "knock": {}},
        "presence": {"events": [gone]},
    }
    read = plain(sync_answer(msgspec.json.encode(answer)))
    head = {name: gone[name] for name in ("type", "sender", "state_key", "event_id", "origin_server_ts")}
    assert read["rooms"]["join"]["!r"]["timeline"] == {"events": [head, GOOD], "limited": True, "prev_batch": "p"}
    assert read["rooms"]["join"]["!r"]["state"] == {"events": [GOOD]}
    assert read["rooms"]["invite"] == {"!i": invited}
    assert list(read["rooms"]["leave"]) == ["!l"]
    assert read["to_device"]["events"] == [GOOD, head]
    assert all(read[name] == answer[name] for name in ("next_batch", "device_lists", "device_one_time_keys_count"))


def test_thousands_of_keys_strings_or_numbers_in_one_piece_are_a_bomb_too() -> None:
    for content in ({f"{number:x}": 0 for number in range(MOST_COMMAS + 2)}, {"a": [""] * (MOST_COMMAS + 2)}):
        read = sync_answer(msgspec.json.encode({"to_device": {"events": [event("@m:evil", content), GOOD]}}))
        head, good = read["to_device"]["events"]
        assert head["sender"] == "@m:evil"
        assert "content" not in head
        assert good == GOOD


def test_of_a_strangers_invitations_the_first_are_read_and_of_a_bomb_none() -> None:
    invited = {"invite_state": {"events": [GOOD]}}
    for number, read in ((MOST_INVITATIONS + 1, MOST_INVITATIONS), (MOST_OBJECTS, 0)):
        rooms = {"invite": {f"!{each}:evil": invited for each in range(number)}, "join": {"!r": {}}}
        answer = sync_answer(msgspec.json.encode({"next_batch": "n", "rooms": rooms}))
        assert len(answer["rooms"]["invite"]) == read
        assert list(answer["rooms"]["join"]) == ["!r"]


def test_more_rooms_than_anybody_is_in_are_no_answer() -> None:
    rooms: Json = {f"!{number}:b": {} for number in range(MOST_OBJECTS + 1)}
    with pytest.raises(TooMany):
        sync_answer(msgspec.json.encode({"rooms": {"join": rooms}}))
    with pytest.raises(TooMany):
        members_answer(msgspec.json.encode({"chunk": [{}] * (MOST_OBJECTS + 1)}))


def test_rooms_that_hold_too_much_are_left_for_pages_and_no_other_room_is() -> None:
    bomb = event("@m:evil", {"x": [{}] * 21_000})
    full = {"state": {"events": []}, "timeline": {"events": [bomb], "limited": False, "prev_batch": "p"}}
    rooms = {f"!{number}:evil": full for number in range(20)}
    rooms["!r"] = {"state": {"events": []}, "timeline": {"events": [GOOD], "limited": False, "prev_batch": "p"}}
    read = plain(sync_answer(msgspec.json.encode({"next_batch": "n", "rooms": {"join": rooms}})))["rooms"]["join"]
    assert read["!r"]["timeline"]["events"] == [GOOD]
    crowded = [room for name, room in read.items() if room.get("crowded")]
    assert len(crowded) == 20 - MOST_OBJECTS // 21_002
    assert all(room["timeline"] == {"events": [], "limited": True, "prev_batch": "n"} for room in crowded)


async def test_everything_else_has_its_turn_while_what_came_to_the_device_is_read(tmp_path: Path) -> None:
    answer = sync_answer(msgspec.json.encode({"to_device": {"events": [GOOD] * 100 * AT_ONCE}}))
    with Store(tmp_path / "store") as store:
        reader = Device(store, "@bob:chat.test").reader
        reading = asyncio.create_task(reader.take_devices(answer, Sync()))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
    assert turns > 90


def test_of_a_page_everything_is_read_but_the_content_of_bombs() -> None:
    page = {"chunk": [event("@m:evil", BOMB), GOOD], "start": "a", "end": "b"}
    read = plain(messages_answer(msgspec.json.encode(page)))
    assert read["chunk"][1:] == [GOOD]
    assert "content" not in read["chunk"][0]
    assert read["end"] == "b"
    assert read["more"] is True
    assert messages_answer(b'{"chunk": []}')["more"] is False


def test_of_peoples_keys_everything_is_read_but_bombs() -> None:
    device = {"user_id": "@a:b", "keys": {"ed25519:D": "x"}}
    answer = {
        "device_keys": {"@a:b": {"D": device, "E": device | BOMB}},
        "master_keys": {"@a:b": device, "@m:evil": BOMB},
        "self_signing_keys": {"@a:b": device},
        "failures": {"evil": {}},
    }
    assert keys_answer(msgspec.json.encode(answer)) == {
        "device_keys": {"@a:b": {"D": device}},
        "master_keys": {"@a:b": device},
        "self_signing_keys": {"@a:b": device},
    }


def test_of_a_rooms_members_only_who_they_are_is_read() -> None:
    members = [event(f"@m{number}:b", BOMB, state_key=f"@m{number}:b") for number in range(3)]
    assert members_answer(msgspec.json.encode({"chunk": [*members, {}]})) == {"members": ["@m0:b", "@m1:b", "@m2:b"]}
