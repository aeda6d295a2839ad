"""Parses replies that contain what others have written.

Each piece is decoded alone, without its content if it is a bomb.

A server accepts an event with 64 KiB of JSON, which may be twenty thousand empty objects: a megabyte of memory and some
milliseconds of the event loop. Nothing that we read looks like that. A reply may also hold a million pieces. The pieces
of a sync are decoded one by one when their reader gets to them, so that other tasks run in between. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.people import MOST_DEVICES
from shared.not_json import NOT_JSON

MOST_BYTES = 128 * 1024
"The most bytes of one piece. An event has at most 64 KiB (specification, Size limits), and escapes make it longer."

MOST_PARTS = 1000
"The most objects and lists in one piece. Those that we read have about ten."

MOST_COMMAS = 3000
"The most commas in one piece, which bounds its keys, strings and numbers. Prose of 64 KiB has a thousand."

MOST_OBJECTS = 250_000
"The most objects in the rooms of one reply. As many events as fit into a large one have half of that."

MOST_INVITATIONS = 1000
"The most invitations in one reply. Far fewer are accepted."

MOST_PEOPLE = 1000
"The most people whose keys are read in one reply. We ask for fewer."


class TooMany(Exception):
    """A reply contains too much to look at."""


class Pieces:
    """A list of what others have written. A piece is decoded each time it is looked at, and isn't kept."""

    def __init__(self, raws: list[msgspec.Raw]) -> None:
        self._raws = raws

    def __iter__(self) -> Iterator[Any]:
        for each in self._raws:
            if (value := _decoded(each) or _head(each)) is not None:
                yield value


class _Head(msgspec.Struct, omit_defaults=True):
    """An event without its content, because we must know who has come or gone all the same."""

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
    join: msgspec.Raw = msgspec.Raw(b"{}")
    invite: msgspec.Raw = msgspec.Raw(b"{}")
    leave: msgspec.Raw = msgspec.Raw(b"{}")


class _SyncAnswer(msgspec.Struct):
    next_batch: str = ""
    to_device: _Events = msgspec.field(default_factory=_Events)
    device_lists: dict[str, list[str]] = {}
    device_one_time_keys_count: dict[str, int] = {}
    device_unused_fallback_key_types: list[str] | None = None
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
    """The members of a room (GET /rooms/{roomId}/members). Raises TooMany, and what NOT_JSON lists."""
    if raw.count(b"{") > MOST_OBJECTS:
        raise TooMany
    answer = msgspec.json.decode(raw, type=_MembersAnswer)
    return {"members": [each.state_key for each in answer.chunk if each.state_key]}


def sync_answer(raw: bytes) -> Json:
    """The reply to a sync (specification, GET /sync), with its lists of events as Pieces.

    Invitations and rooms that we left are read up to a limit. So are joined rooms, the smallest first. Rooms beyond the
    limit appear with a limited timeline without events, so that they are read in pages. Raises TooMany, and what
    NOT_JSON lists.
    """
    answer = msgspec.json.decode(raw, type=_SyncAnswer)
    rooms = msgspec.json.decode(answer.rooms.join, type=dict[str, msgspec.Raw])
    if len(rooms) > MOST_OBJECTS:
        raise TooMany
    sizes, left = {name: _objects(room) for name, room in rooms.items()}, MOST_OBJECTS
    crowded = set()
    for name in sorted(sizes, key=lambda name: sizes[name]):
        left -= sizes[name]
        if left < 0:
            crowded.add(name)
    join = {name: _crowded(answer.next_batch) if name in crowded else _joined(room) for name, room in rooms.items()}
    invite = {
        name: {"invite_state": {"events": Pieces(msgspec.json.decode(room, type=_InvitedRoom).invite_state.events)}}
        for name, room in _first(answer.rooms.invite, MOST_INVITATIONS)
    }
    return {
        "next_batch": answer.next_batch,
        "to_device": {"events": Pieces(answer.to_device.events)},
        "device_lists": answer.device_lists,
        "device_one_time_keys_count": answer.device_one_time_keys_count,
        "device_unused_fallback_key_types": answer.device_unused_fallback_key_types,
        "rooms": {"join": join, "invite": invite, "leave": dict.fromkeys(dict(_first(answer.rooms.leave)))},
    }


def _joined(raw: msgspec.Raw) -> Json:
    room = msgspec.json.decode(raw, type=_JoinedRoom)
    return {
        "state": {"events": Pieces(room.state.events)},
        "timeline": {
            "events": Pieces(room.timeline.events),
            "limited": room.timeline.limited,
            "prev_batch": room.timeline.prev_batch,
        },
    }


def _crowded(next_batch: str) -> Json:
    """A room with too many objects. All of its events come before the end of this reply."""
    timeline = {"events": Pieces([]), "limited": True, "prev_batch": next_batch}
    return {"state": {"events": Pieces([])}, "timeline": timeline, "crowded": True}


def messages_answer(raw: bytes) -> Json:
    """A page of a room (GET /rooms/{roomId}/messages), with its events as Pieces. Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_MessagesAnswer)
    return {"chunk": Pieces(answer.chunk), "end": answer.end, "more": bool(answer.chunk)}


def keys_answer(raw: bytes) -> Json:
    """The keys of people (POST /keys/query). Raises what NOT_JSON lists."""
    answer = msgspec.json.decode(raw, type=_KeysAnswer)
    return {
        "device_keys": {user: _good_of(named, MOST_DEVICES) for user, named in answer.device_keys.items()},
        "master_keys": _good_of(answer.master_keys, MOST_PEOPLE),
        "self_signing_keys": _good_of(answer.self_signing_keys, MOST_PEOPLE),
    }


def _objects(piece: msgspec.Raw) -> int:
    return bytes(piece).count(b"{")


def _first(piece: msgspec.Raw, most: int | None = None) -> list[tuple[str, msgspec.Raw]]:
    """The first parts of an object. Empty if the whole has too many objects."""
    if _objects(piece) > MOST_OBJECTS:
        return []
    return list(itertools.islice(msgspec.json.decode(piece, type=dict[str, msgspec.Raw]).items(), most))


def _head(event: msgspec.Raw) -> Any:
    try:
        return msgspec.to_builtins(msgspec.json.decode(event, type=_Head))
    except NOT_JSON:
        return None


def _good_of(named: dict[str, msgspec.Raw], most: int) -> Json:
    first = itertools.islice(named.items(), most)
    return {name: value for name, each in first if (value := _decoded(each)) is not None}


def _decoded(piece: msgspec.Raw) -> Any:
    """The value of a piece. None for a bomb, and for invalid JSON."""
    raw = bytes(piece)
    if len(raw) > MOST_BYTES or raw.count(b"{") + raw.count(b"[") > MOST_PARTS:
        return None
    if raw.count(b",") > MOST_COMMAS:
        return None
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        return None
