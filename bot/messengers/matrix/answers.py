"""Answers that hold what anybody has written: each piece is decoded alone, and of a bomb the content is left out.

64 KiB of JSON, which a server takes for an event, can be twenty thousand empty objects: a megabyte in memory and some
milliseconds of the event loop. Nothing that we read is so. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bot.messengers.matrix.canonical import Json
from shared.not_json import NOT_JSON

MOST_BYTES = 128 * 1024
"Of one piece; an event has 64 KiB at most (specification, Size limits), whatever its escapes are."

MOST_PARTS = 1000
"Objects and lists in one piece; those that we read have some ten."


class _Head(msgspec.Struct, omit_defaults=True):
    """An event without its content: who has come or gone has to be known all the same."""

    type: str = ""
    sender: str = ""
    state_key: str | msgspec.UnsetType = msgspec.UNSET
    event_id: str = ""
    origin_server_ts: int = 0


class _Events(msgspec.Struct):
    events: list[msgspec.Raw] = []


class _Timeline(msgspec.Struct):
    events: list[msgspec.Raw] = []
    limited: bool = False
    prev_batch: str | None = None


class _JoinedRoom(msgspec.Struct):
    state: _Events = msgspec.field(default_factory=_Events)
    timeline: _Timeline = msgspec.field(default_factory=_Timeline)


class _InvitedRoom(msgspec.Struct):
    invite_state: _Events = msgspec.field(default_factory=_Events)


class _SyncedRooms(msgspec.Struct):
    join: dict[str, _JoinedRoom] = {}
    invite: dict[str, _InvitedRoom] = {}
    leave: dict[str, msgspec.Raw] = {}


class _SyncAnswer(msgspec.Struct):
    next_batch: str = ""
    to_device: _Events = msgspec.field(default_factory=_Events)
    device_lists: dict[str, list[str]] = {}
    device_one_time_keys_count: dict[str, int] = {}
    rooms: _SyncedRooms = msgspec.field(default_factory=_SyncedRooms)


class _MessagesAnswer(msgspec.Struct):
    chunk: list[msgspec.Raw] = []
    end: str | None = None


class _KeysAnswer(msgspec.Struct):
    device_keys: dict[str, dict[str, msgspec.Raw]] = {}
    master_keys: dict[str, msgspec.Raw] = {}
    self_signing_keys: dict[str, msgspec.Raw] = {}


class _Member(msgspec.Struct):
    state_key: str = ""


class _MembersAnswer(msgspec.Struct):
    chunk: list[_Member] = []


def members_answer(raw: bytes) -> Json:
    """Who is in a room (GET /rooms/{roomId}/members); nothing else of it is read. Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_MembersAnswer)
    return {"members": [each.state_key for each in answer.chunk if each.state_key]}


def sync_answer(raw: bytes) -> Json:
    """The answer to a sync (specification, GET /sync). Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_SyncAnswer)
    join = {
        name: {
            "state": {"events": _read(room.state.events)},
            "timeline": {
                "events": _read(room.timeline.events),
                "limited": room.timeline.limited,
                "prev_batch": room.timeline.prev_batch,
            },
        }
        for name, room in answer.rooms.join.items()
    }
    invite = {
        name: {"invite_state": {"events": _read(room.invite_state.events)}}
        for name, room in answer.rooms.invite.items()
    }
    return {
        "next_batch": answer.next_batch,
        "to_device": {"events": _read(answer.to_device.events)},
        "device_lists": answer.device_lists,
        "device_one_time_keys_count": answer.device_one_time_keys_count,
        "rooms": {"join": join, "invite": invite, "leave": dict.fromkeys(answer.rooms.leave)},
    }


def messages_answer(raw: bytes) -> Json:
    """A page of a room (GET /rooms/{roomId}/messages). Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_MessagesAnswer)
    return {"chunk": _read(answer.chunk), "end": answer.end, "more": bool(answer.chunk)}


def keys_answer(raw: bytes) -> Json:
    """People's keys (POST /keys/query). Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_KeysAnswer)
    return {
        "device_keys": {user: _good_of(named) for user, named in answer.device_keys.items()},
        "master_keys": _good_of(answer.master_keys),
        "self_signing_keys": _good_of(answer.self_signing_keys),
    }


def _read(events: Iterable[msgspec.Raw]) -> list[Any]:
    return [value for each in events if (value := _decoded(each) or _head(each)) is not None]


def _head(event: msgspec.Raw) -> Any:
    try:
        return msgspec.to_builtins(msgspec.json.decode(event, type=_Head))
    except NOT_JSON:
        return None


def _good_of(named: dict[str, msgspec.Raw]) -> Json:
    return {name: value for name, each in named.items() if (value := _decoded(each)) is not None}


def _decoded(piece: msgspec.Raw) -> Any:
    """What a piece holds; None for a bomb, and for what is none."""
    raw = bytes(piece)
    if len(raw) > MOST_BYTES or raw.count(b"{") + raw.count(b"[") > MOST_PARTS:
        return None
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        return None
