"""Parsers of what messengers' servers and programs send, and of what the journal keeps of it.

Delta Chat's core is a process of its own and reads the mails, so only the core's answers are parsed here.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from telegram.error import TelegramError

from bot.messengers.clock import Clock
from bot.messengers.deltachat.account import Account
from bot.messengers.deltachat.calls.app_calls import AppCall, _kept
from bot.messengers.deltachat.reader import asks_whose_app, heard, is_app_call, is_in_clear
from bot.messengers.deltachat.rpc import Rpc
from bot.messengers.inbox import Inbox
from bot.messengers.kept_call import KeptCall, kept_from
from bot.messengers.kept_facts import as_numbers, as_text
from bot.messengers.matrix import answers, login
from bot.messengers.matrix import api as matrix_api
from bot.messengers.matrix import heard as judged
from bot.messengers.matrix.canonical import items
from bot.messengers.matrix.reading import Sync
from bot.messengers.numbered_choices import NumberedChoices, number_in
from bot.messengers.plain import values
from bot.messengers.telegram import incoming, switches
from bot.messengers.telegram.api import Api, checked_updates
from bot.messengers.telegram.buttons import action_for
from bot.messengers.telegram.http import Http, is_telegram
from bot.messengers.telegram.outgoing import outgoing_from
from bot.messengers.telegram.polling import Polling
from bot.messengers.telegram.requests import Requests
from bot.messengers.telegram.update_reader import OwnBot, UpdateReader
from shared.errors import MessengerError
from shared.not_json import NOT_JSON
from shared.store import Store
from tests.bot.matrix.devices import ROOM, Device, done
from tests.fuzz.target import Target, text

OWNER, STRANGER = 11, 12
"The number of the owner, and that of another contact or user."

OWNERS_ADDRESS = "@anna:chat.test"


# Telegram


class _Stored:
    """An inbox that stores nothing, and reads what it should store."""

    async def store(self, entries: Sequence[tuple[int, bytes]]) -> None:
        for number, kept in entries:
            assert 0 <= number < 1 << 63
            incoming.from_bytes(kept)


class _Answered:
    """An API that returns these updates, and answers requests at once."""

    def __init__(self, updates: list[dict[str, Any]]) -> None:
        self._updates = updates

    async def updates(self, offset: int | None, *, wait: bool) -> list[dict[str, Any]]:
        return self._updates

    async def until_answered(self, request: Callable[[], Any]) -> Any:
        return await request()


def _telegram_updates(data: bytes) -> None:
    """A whole answer of the server. An unreadable update makes only itself be dropped."""
    if not is_telegram(200, data):
        return
    updates = checked_updates(Http.parse_json_payload(data).get("result"))
    answered = _Answered(updates)
    for owner in (OWNER, None):
        reader = UpdateReader(OwnBot(100, "anna_bot"), owner)
        polling = Polling(cast(Api, answered), cast(Requests, answered), cast(Inbox, _Stored()), reader, Clock())
        done(polling.fetch())


def _switches(data: bytes) -> None:
    """What the Bot API says about a bot during its set-up."""
    said = switches.result_of(switches.TelegramReply(200, data, ""))
    if isinstance(said, dict):
        switches.ways(said)


def _update(kind: str, value: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"ok": True, "result": [{"update_id": 1, kind: value}]})


def _said(sender: int, said: str, chat: dict[str, Any], **more: Any) -> dict[str, Any]:
    who = {"id": sender, "is_bot": False, "first_name": "A"}
    return {"message_id": 1, "date": 1, "chat": chat, "from": who, "text": said, **more}


_ALONE, _GROUP = {"id": OWNER, "type": "private"}, {"id": -5, "type": "supergroup", "title": "Friends"}
_LINK = [{"type": "text_link", "offset": 0, "length": 2, "url": "https://t.me/b?start=EQ"}]
_TELEGRAM = (
    _update("message", _said(OWNER, "/call bob", _ALONE)),
    _update("message", _said(STRANGER, "/start EQ", _ALONE, entities=_LINK)),
    _update("message", _said(OWNER, "/call@anna_bot bob", _GROUP, reply_to_message=_said(STRANGER, "a", _GROUP))),
    _update("business_message", _said(OWNER, "/call", _ALONE, business_connection_id="c")),
    _update("guest_message", _said(STRANGER, "@anna_bot call", _GROUP, guest_query_id="g")),
    _update("callback_query", {"id": "q", "from": {"id": OWNER, "is_bot": False, "first_name": "A"}, "data": "a:1"}),
)


# Matrix


@functools.cache
def _empty_home() -> Store:
    """An empty home for the whole process. Nothing is written to it."""
    opened = contextlib.ExitStack()
    atexit.register(opened.close)
    folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
    return opened.enter_context(Store(Path(folder) / "store"))


def _sync(data: bytes) -> None:
    """A homeserver's answer to a sync, read by a device that knows nobody yet. Nothing is stored."""
    answer = answers.sync_answer(data)
    device, sync = Device(_empty_home(), "@bob:chat.test"), Sync()
    done(device.reader.take_devices(answer, sync))
    found = done(device.reader.take_rooms(answer, sync, {}))
    device.reader.wants(found)
    done(device.reader.read([*device.reader.waiting(), *found], sync))
    for message in sync.messages:
        assert 0 <= message.number < 1 << 63
        judged.text_of(message)
        judged.has_effect(message, OWNERS_ADDRESS)
    msgspec.json.encode({name: (raw or b"").decode() for name, raw in device.vault.take_changes().items()})


def _page_of_a_room(data: bytes) -> None:
    for event in items(answers.messages_answer(data), "chunk"):
        msgspec.json.encode(event)


def _keys(data: bytes) -> None:
    device = Device(_empty_home(), "@bob:chat.test")
    device.people.answered(OWNERS_ADDRESS, answers.keys_answer(data))


def _any_answer(data: bytes) -> None:
    """A homeserver's answer to any request."""
    for read in (None, answers.sync_answer, answers.members_answer, answers.messages_answer, answers.keys_answer):
        matrix_api._decoded(data, read)
    login.server_in(data)


def _event(type_: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "sender": OWNERS_ADDRESS,
        "event_id": "$1",
        "origin_server_ts": 1,
        "content": content,
        **more,
    }


def _synced(**parts: Any) -> bytes:
    return msgspec.json.encode({"next_batch": "s1", **parts})


_MATRIX = (
    _synced(
        rooms={
            "join": {
                ROOM: {
                    "state": {
                        "events": [_event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, state_key="")]
                    },
                    "timeline": {
                        "limited": True,
                        "prev_batch": "p",
                        "events": [
                            _event("m.room.message", {"msgtype": "m.text", "body": "copybara:EQ"}),
                            _event("m.room.member", {"membership": "join"}, state_key=OWNERS_ADDRESS),
                            _event(
                                "m.room.encrypted",
                                {
                                    "algorithm": "m.megolm.v1.aes-sha2",
                                    "ciphertext": "AwgA",
                                    "session_id": "a",
                                    "sender_key": "b",
                                    "device_id": "D",
                                },
                            ),
                            _event("m.room.tombstone", {"replacement_room": "!b:chat.test"}, state_key=""),
                        ],
                    },
                }
            },
            "leave": {"!c:chat.test": {}},
        }
    ),
    _synced(
        rooms={
            "invite": {
                ROOM: {
                    "invite_state": {
                        "events": [_event("m.room.member", {"membership": "invite"}, state_key="@bob:chat.test")]
                    }
                }
            }
        },
        device_lists={"changed": [OWNERS_ADDRESS]},
        device_one_time_keys_count={"signed_curve25519": 3},
    ),
    _synced(
        rooms={"join": {ROOM: {"timeline": {"events": [_event("m.room.member", {"a": [[]] * answers.MOST_PARTS})]}}}}
    ),
    _synced(
        to_device={
            "events": [
                _event(
                    "m.room.encrypted",
                    {
                        "algorithm": "m.olm.v1.curve25519-aes-sha2",
                        "sender_key": "a",
                        "ciphertext": {"b": {"type": 0, "body": "A"}},
                    },
                ),
                _event("m.key.verification.start", {"transaction_id": "t", "method": "m.sas.v1"}),
                _event("m.room_key.withheld", {"code": "m.unverified"}),
            ]
        }
    ),
)
_KEYS = msgspec.json.encode(
    {
        "device_keys": {
            OWNERS_ADDRESS: {
                "D": {
                    "user_id": OWNERS_ADDRESS,
                    "device_id": "D",
                    "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
                    "keys": {"curve25519:D": "a", "ed25519:D": "b"},
                    "signatures": {OWNERS_ADDRESS: {"ed25519:D": "c"}},
                }
            }
        },
        "master_keys": {OWNERS_ADDRESS: {"user_id": OWNERS_ADDRESS, "usage": ["master"], "keys": {"ed25519:a": "a"}}},
        "self_signing_keys": {},
    }
)


# Delta Chat


def _rpc_line(data: bytes) -> None:
    Rpc(Path("nowhere"))._take(data)


class _Core:
    """A core that gives the same answer to each question of a kind."""

    def __init__(self, said: dict[str, object]) -> None:
        self._said = said

    async def call(self, method: str, *parameters: object, seconds: float | None = None) -> object:
        """As Rpc.call."""
        return self._said.get(_SAID_BY.get(method, "other"))


_SAID_BY = {"get_message": "message", "get_basic_chat_info": "chat", "get_contacts": "people"}


def _core_says(data: bytes) -> None:
    """A message and its chat, as the core describes them, and what the inbox keeps of them."""
    said = msgspec.json.decode(data)
    if not isinstance(said, dict):
        return
    account = Account(cast(Rpc, _Core(said)), 1)
    for ask in (lambda: account.call_info(1), account.people, lambda: account.fingerprint_of(STRANGER)):
        with contextlib.suppress(msgspec.ValidationError):
            done(ask())
    message, chat = done(account.message(1)), done(account.chat(1))
    assert message is not None
    is_app_call(message)
    for owner in (OWNER, STRANGER, 1, None):
        asks_whose_app(message, chat, owner)
        for unencrypted in (False, True):
            is_in_clear(message, owner, unencrypted=unencrypted)
            kept = heard(message, chat, owner, "deltachat", unencrypted=unencrypted)
            if kept is not None:
                assert values.entry_from(values.to_bytes(kept)) == kept


_DELTACHAT = msgspec.json.encode(
    {
        "message": {
            "id": 1,
            "chatId": 20,
            "fromId": STRANGER,
            "text": "copybara:EQ /call bob",
            "showPadlock": True,
            "timestamp": 7,
            "sender": {"id": STRANGER, "displayName": "Bob"},
        },
        "chat": {"chatType": "Single", "isEncrypted": True},
        "people": [{"id": STRANGER, "displayName": "Bob", "isKeyContact": True}],
        "other": {"sdpOffer": "v=0", "state": {"kind": "Alerting"}},
    }
)


# The journal


def _entry(data: bytes) -> None:
    """An entry that another version has written or a disk has damaged, read as each kind of entry."""
    for read in (incoming.from_bytes, outgoing_from, values.entry_from, values.outgoing_from, _kept.decode):
        try:
            read(data)
        except NOT_JSON:
            continue


def _fact(data: bytes) -> None:
    """A fact of the journal. No reader of a fact fails."""
    kept_from(data, KeptCall)
    as_numbers("fact", data)
    as_text("fact", data)
    NumberedChoices(data).to_bytes()


MESSENGERS = {
    "updates of Telegram": Target(_telegram_updates, (TelegramError,), _TELEGRAM),
    "a button of Telegram": Target(
        lambda data: action_for(text(data)), (), (b"answer:0011223344556677", b"confirm:0011223344556677:a b c d")
    ),
    "a number in a reply": Target(lambda data: number_in(text(data)), (), (b"7", b" 12. ")),
    "switches of a Telegram bot": Target(
        _switches, (MessengerError,), (b'{"ok":true,"result":{"username":"anna_bot","can_join_groups":true}}',)
    ),
    "a sync of Matrix": Target(_sync, NOT_JSON, _MATRIX),
    "a page of a room of Matrix": Target(
        _page_of_a_room, NOT_JSON, (b'{"chunk":[{"type":"m.room.message"}],"end":"e"}',)
    ),
    "keys of Matrix": Target(_keys, NOT_JSON, (_KEYS,)),
    "an answer of a homeserver": Target(
        _any_answer,
        (answers.TooMany,),
        (
            b'{"chunk":[{"state_key":"@anna:chat.test","type":"m.room.member"}]}',
            b'{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1000}',
            b'{"m.homeserver":{"base_url":"https://matrix.chat.test"}}',
        ),
    ),
    "a line of Delta Chat's core": Target(
        _rpc_line, (), (b'{"jsonrpc":"2.0","id":1,"result":[1]}', b'{"id":1,"error":{"code":-1,"message":"no"}}')
    ),
    "a message of Delta Chat": Target(_core_says, NOT_JSON, (_DELTACHAT,)),
    "an entry of a journal": Target(
        _entry,
        (),
        (
            incoming.to_bytes(incoming.Greeted(STRANGER)),
            values.to_bytes(values.Heard("copybara:EQ", "matrix:room:a", sender="b")),
            values.to_bytes(values.Own(b"a")),
            values.to_bytes(values.Outgoing("a", "b")),
            msgspec.json.encode(AppCall(1, STRANGER, "Bob")),
        ),
    ),
    "a fact of a journal": Target(
        _fact, (), (msgspec.json.encode(KeptCall(state="ringing", token="EQ")), b"[1,2]", b"17")
    ),
}
