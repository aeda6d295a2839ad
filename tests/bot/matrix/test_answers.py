"""What anybody may have written in an answer costs its own piece at most, and never much memory."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.messengers.matrix.answers import MOST_PARTS, keys_answer, members_answer, messages_answer, sync_answer
from bot.messengers.matrix.canonical import Json

BOMB = {"body": [{}] * (MOST_PARTS + 1)}


def event(sender: str, content: Json, **more: Any) -> Json:
    return {"type": "m.room.message", "sender": sender, "event_id": f"${sender}", "content": content, **more}


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
    read = sync_answer(msgspec.json.encode(answer))
    head = {name: gone[name] for name in ("type", "sender", "state_key", "event_id", "origin_server_ts")}
    assert read["rooms"]["join"]["!r"]["timeline"] == {"events": [head, GOOD], "limited": True, "prev_batch": "p"}
    assert read["rooms"]["join"]["!r"]["state"] == {"events": [GOOD]}
    assert read["rooms"]["invite"] == {"!i": invited}
    assert list(read["rooms"]["leave"]) == ["!l"]
    assert read["to_device"]["events"] == [GOOD, head]
    assert all(read[name] == answer[name] for name in ("next_batch", "device_lists", "device_one_time_keys_count"))


def test_of_a_page_everything_is_read_but_the_content_of_bombs() -> None:
    read = messages_answer(msgspec.json.encode({"chunk": [event("@m:evil", BOMB), GOOD], "start": "a", "end": "b"}))
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
