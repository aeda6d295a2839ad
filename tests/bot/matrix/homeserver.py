"""A homeserver in memory, over HTTP: the part of the client-server API that a device uses, with faults for tests.

The scenes with Element's own crypto run on Synapse. This server does what Synapse does only on bad days: it says "too
fast", shows a proxy's page, omits, repeats and reorders events, or forgets a log-in.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from bot.messengers.matrix.canonical import Json
from tests.bot.loopback_server import LoopbackServer

PREFIX = "/_matrix/client/v3"
NAME = "chat.test"
SIGNED = "signed_curve25519"

Fault = Callable[[str, str], web.Response | None]
"Gets the user and the path. Returns a response that replaces the real one, or None."


@dataclass
class Room:
    """One room."""

    version: str = "10"
    events: list[tuple[int, Json]] = field(default_factory=list)
    "Each event with its place in the stream of all events."

    members: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    "Each person's membership, who set it, and since when."

    beginning: Json = field(default_factory=dict)
    "The content of its m.room.create."


class Homeserver(LoopbackServer):
    """One server."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Fault | None = None
        self.asked: list[tuple[str, str]] = []
        "Every request: the user and the path."

        self.behind = 0.0
        "How many seconds its clock is behind."

        self.limit = 100
        "The most events of a room in one sync."

        self.rooms: dict[str, Room] = {}
        self.refused_tokens: dict[str, Json] = {}
        "Tokens that are no longer valid, each with the reply."

        self._devices: dict[str, dict[str, Json]] = {}
        self._crossed: dict[str, Json] = {}
        self._one_time: dict[tuple[str, str], Json] = {}
        self._fallback: dict[tuple[str, str], tuple[Json, bool]] = {}
        "Each key with whether it was used."

        self._to_device: dict[tuple[str, str], list[tuple[int, Json]]] = {}
        self._changed: list[tuple[int, str]] = []
        self._sent: dict[tuple[str, str], str] = {}
        self._place = 0
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()

    def application(self) -> web.Application:
        """One handler for all requests."""
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/{path:.*}", self._dated)
        return application

    async def release(self) -> None:
        """Reply to every waiting sync."""
        async with self._news:
            self._news.notify_all()

    # What a test does as the server.

    async def put(self, room: str, event: Json) -> Json:
        """Add an event to a room unchanged."""
        async with self._news:
            self.add(room, event)
            self._news.notify_all()
        return event

    def add(self, room: str, event: Json) -> None:
        """Add an event to a room. Waiting syncs see it with the next event."""
        self._place += 1
        self.rooms[room].events.append((self._place, event))

    async def send_to_device(self, user: str, device: str, event: Json) -> None:
        """Add a message for a device."""
        async with self._news:
            self._place += 1
            self._to_device.setdefault((user, device), []).append((self._place, event))
            self._news.notify_all()

    def devices_of(self, user: str) -> list[str]:
        """The names of a user's devices."""
        return [*self._devices.get(user, {})]

    async def invite(self, room: str, by: str, user: str) -> None:
        """Let a user invite another user."""
        await self._member(room, user, "invite", by)

    async def until(self, what: Callable[[], Any]) -> Any:
        """Wait until `what` returns something, and return that."""
        async with asyncio.timeout(60), self._news:
            while not (found := what()):
                await self._news.wait()
            return found

    def said(self, room: str, kind: str = "") -> list[Json]:
        """The events of a room."""
        return [event for _, event in self.rooms[room].events if kind in ("", event["type"])]

    # Serving.

    async def _dated(self, request: web.Request) -> web.StreamResponse:
        response = await self._serve(request)
        response.headers["Date"] = email.utils.formatdate(time.time() - self.behind, usegmt=True)
        return response

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0].removeprefix(PREFIX)
        user, _, device = request.headers.get("Authorization", "").removeprefix("Bearer ").partition(" ")
        async with self._news:
            self.asked.append((user, path))
            self._news.notify_all()
        if (refusal := self.refused_tokens.get(f"{user} {device}")) is not None:
            return web.json_response(refusal, status=401)
        if self.fault is not None and (instead := self.fault(user, path)) is not None:
            return instead
        body = await request.json() if request.can_read_body else {}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match request.method, parts:
            case "POST", ["login"]:
                name, made = body["identifier"]["user"], body.get("device_id") or f"BOT{next(self._numbers)}"
                return _json({"user_id": name, "device_id": made, "access_token": f"{name} {made}"})
            case "POST", ["keys", "signatures", "upload"]:
                for whom, keys in body.items():
                    self._devices.setdefault(whom, {}).update(keys)
                await self._has_changed(user)
                return _json({"failures": {}})
            case "POST", ["keys", "upload"]:
                return await self._upload(user, device, body)
            case "POST", ["keys", "query"]:
                return _json(self._queried(body))
            case "POST", ["keys", "claim"]:
                return _json({"one_time_keys": self._claimed(body)})
            case "POST", ["keys", "device_signing", "upload"]:
                self._crossed[user] = {**body}
                await self._has_changed(user)
                return _json({})
            case "PUT", ["sendToDevice", kind, _]:
                for whom, messages in body["messages"].items():
                    for name, content in messages.items():
                        await self.send_to_device(whom, name, {"type": kind, "sender": user, "content": content})
                return _json({})
            case "PUT", ["rooms", room, "send", kind, transaction]:
                return await self._event(room, user, kind, transaction, body)
            case "GET", ["rooms", room, "members"]:
                wanted = request.query["membership"]
                members = self.rooms[room].members.items()
                return _json({"chunk": [{"state_key": who} for who, (how, _, _) in members if how == wanted]})
            case "GET", ["rooms", room, "messages"]:
                return _json(self._page(room, int(request.query["from"]), int(request.query["to"]), request.query))
            case "GET", ["rooms", room, "state", "m.room.create"]:
                return _json(self.rooms[room].beginning)
            case "POST", ["createRoom"]:
                return await self._create(user, body)
            case "POST", ["join", room]:
                return await self._join(room, user)
            case "GET", ["account", "whoami"]:
                return _json({"user_id": user, "device_id": device})
            case "POST", ["rooms", room, "leave"]:
                await self._member(room, user, "leave", user)
                return _json({})
            case "GET", ["sync"]:
                since = int(request.query.get("since") or 0)
                return _json(await self._sync(user, device, since, request.query))
        return web.json_response({"errcode": "M_UNRECOGNIZED"}, status=404)

    async def _upload(self, user: str, device: str, body: Json) -> web.Response:
        if "device_keys" in body:
            self._devices.setdefault(user, {})[device] = body["device_keys"]
            await self._has_changed(user)
        kept = self._one_time.setdefault((user, device), {})
        kept.update(body.get("one_time_keys", {}))
        if body.get("fallback_keys"):
            self._fallback[user, device] = body["fallback_keys"], False
        return _json({"one_time_key_counts": {"signed_curve25519": len(kept)}})

    def _queried(self, body: Json) -> Json:
        answer: Json = {"device_keys": {user: self._devices.get(user, {}) for user in body["device_keys"]}}
        for kind in ("master", "self_signing"):
            named = {user: self._crossed[user][f"{kind}_key"] for user in body["device_keys"] if user in self._crossed}
            answer[f"{kind}_keys"] = named
        return answer

    def _claimed(self, body: Json) -> Json:
        found: Json = {}
        for user, named in body["one_time_keys"].items():
            for device in named:
                if kept := self._one_time.get((user, device)):
                    name = next(iter(kept))
                    found.setdefault(user, {})[device] = {name: kept.pop(name)}
                elif fallback := self._fallback.get((user, device)):
                    self._fallback[user, device] = fallback[0], True
                    found.setdefault(user, {})[device] = fallback[0]
        return found

    async def _has_changed(self, user: str) -> None:
        async with self._news:
            self._place += 1
            self._changed.append((self._place, user))
            self._news.notify_all()

    async def _event(self, room: str, user: str, kind: str, transaction: str, content: Json) -> web.Response:
        if self.rooms[room].members.get(user, ("",))[0] != "join":
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        known = self._sent.get((user, transaction))
        if known is None:
            known = self._sent[user, transaction] = f"${next(self._numbers)}"
            await self.put(room, self.event(user, kind, content, event_id=known))
        return _json({"event_id": known})

    def event(self, user: str, kind: str, content: Json, **more: Any) -> Json:
        """An event as the server would make it now."""
        stamp = int((time.time() - self.behind) * 1000)
        name = more.pop("event_id", None) or f"${next(self._numbers)}"
        return {"type": kind, "sender": user, "event_id": name, "origin_server_ts": stamp, "content": content} | more

    async def _create(self, user: str, body: Json) -> web.Response:
        room = f"!{next(self._numbers)}:{NAME}"
        self.rooms[room] = Room(beginning=body.get("creation_content", {}))
        await self._member(room, user, "join", user)
        for state in body.get("initial_state", []):
            await self.put(room, self.event(user, state["type"], state["content"], state_key=state["state_key"]))
        for other in body.get("invite", []):
            await self._member(room, other, "invite", user)
        return _json({"room_id": room})

    async def _join(self, room: str, user: str) -> web.Response:
        if room not in self.rooms or self.rooms[room].members.get(user, ("",))[0] not in ("invite", "join"):
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        if self.rooms[room].members[user][0] != "join":
            await self._member(room, user, "join", user)
        return _json({"room_id": room})

    async def _member(self, room: str, user: str, how: str, by: str) -> None:
        event = self.event(by, "m.room.member", {"membership": how}, state_key=user)
        self.rooms[room].members[user] = (how, by, self._place + 1)
        await self.put(room, event)

    def _page(self, room: str, before: int, after: int, query: Any) -> Json:
        kinds = json.loads(query["filter"])["types"]
        events = [
            (place, event)
            for place, event in reversed(self.rooms[room].events)
            if after < place <= before and _is_wanted(event["type"], kinds)
        ][: int(query["limit"])]
        return {"chunk": [event for _, event in events], "end": str(events[-1][0] - 1) if events else None}

    async def _sync(self, user: str, device: str, since: int, query: Any) -> Json:
        seconds = int(query["timeout"]) / 1000
        limit = min(self.limit, json.loads(query["filter"])["room"]["timeline"]["limit"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                while self.is_served and not self._new_for(user, device, since):
                    await self._news.wait()
        queue = self._to_device.get((user, device), [])
        self._to_device[user, device] = [each for each in queue if each[0] > since]
        joined: Json = {}
        invited: Json = {}
        left: Json = {}
        for name, room in self.rooms.items():
            how, by, place = room.members.get(user, ("", "", 0))
            if how == "join" and (found := self._joined(room, max(place, since), place > since, limit)):
                joined[name] = found
            elif how == "invite" and place > since:
                event = {"type": "m.room.member", "state_key": user, "sender": by, "content": {"membership": how}}
                invited[name] = {"invite_state": {"events": [event]}}
            elif how == "leave" and place > since:
                left[name] = {"timeline": {"events": []}}
        return {
            "next_batch": str(self._place),
            "to_device": {"events": [event for place, event in queue if place > since]},
            "device_lists": {"changed": sorted({who for place, who in self._changed if place > since})},
            "device_one_time_keys_count": {SIGNED: len(self._one_time.get((user, device), {}))},
            "device_unused_fallback_key_types": [] if self._fallback.get((user, device), ({}, True))[1] else [SIGNED],
            "rooms": {"join": joined, "invite": invited, "leave": left},
        }

    def _joined(self, room: Room, since: int, newly: bool, limit: int) -> Json | None:
        new = [(place, event) for place, event in room.events if place > since]
        state = [event for place, event in room.events if place <= since and "state_key" in event] if newly else []
        if not new and not newly:
            return None
        shown = new[-limit:]
        before = shown[0][0] - 1 if shown else since
        timeline = {
            "events": [event for _, event in shown],
            "limited": len(shown) < len(new),
            "prev_batch": str(before),
        }
        return {"state": {"events": state}, "timeline": timeline}

    def _new_for(self, user: str, device: str, since: int) -> bool:
        if any(place > since for place, _ in self._to_device.get((user, device), [])):
            return True
        if any(place > since for place, _ in self._changed):
            return True
        for room in self.rooms.values():
            how, _, place = room.members.get(user, ("", "", 0))
            if place > since or (how == "join" and room.events and room.events[-1][0] > since):
                return True
        return False


def _is_wanted(kind: str, kinds: list[str]) -> bool:
    return any(kind == each or (each.endswith("*") and kind.startswith(each[:-1])) for each in kinds)


def _json(value: Json) -> web.Response:
    return web.json_response(value)
