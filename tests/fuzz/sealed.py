"""Parsers of what only the owner of a key can write. Each input is encrypted first, or it would not reach them."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bot.messengers.matrix import heard as judged
from bot.messengers.matrix.own_device import MEGOLM, OLM, PICKLE_KEY, unpadded
from shared.errors import LinkError
from shared.links import moved, paired, sealed
from shared.links.kinds import MovedToken, PairedToken, SealedRequest
from shared.links.tokens import LinkKind
from shared.node_id import NodeId
from tests.bot.matrix.devices import ROOM, Device, two
from tests.fuzz.target import Target

ANNA, BOB = NodeId(bytes(range(32))), NodeId(bytes(range(1, 33)))
SECRET, NONCE = bytes(32), bytes(12)

BODY_BYTES, NOTICE_BYTES, REQUEST_BYTES = 19, 36, 96
"Bytes in a link between contacts, in the notice of a new node id and in a request. No other size can be sent."

ANNAS_KEY, BOBS_KEY = b"ANNAS-KEY", b"BOBS-KEY"
"Stand in the seeds for the keys of the two devices."


def _of(data: bytes, size: int) -> bytes:
    return data[:size].ljust(size, b"\0")


# Links


def _paired(data: bytes) -> None:
    """A link that a contact has encrypted with the pair secret."""
    key = paired._LinkKey(SECRET, ANNA, BOB)
    token = paired._FIRST_BYTE + NONCE + key._aead.encrypt(NONCE, _of(data, BODY_BYTES), key.associated)
    opened = paired.Keyring(BOB, [(ANNA, SECRET)]).open(PairedToken(token))
    assert opened is not None
    assert opened.node == ANNA


def _moved(data: bytes) -> None:
    """The notice of a new node id, encrypted with the pair secret."""
    body = moved._aead(SECRET).encrypt(NONCE, _of(data, NOTICE_BYTES), moved._ASSOCIATED)
    opened = moved.MoveKeys([(ANNA, SECRET)]).open(MovedToken(moved._FIRST_BYTE + NONCE + body))
    assert opened is not None
    assert opened.before == ANNA


_CARD = X25519PrivateKey.from_private_bytes(bytes(range(32)))


def _request(data: bytes) -> None:
    """A request that anybody with our card has encrypted to its key."""
    body = sealed._SUITE.encrypt(_of(data, REQUEST_BYTES), _CARD.public_key(), info=sealed._info(BOB))
    sealed.open_request(SealedRequest(bytes([LinkKind.SEALED.first_byte]) + body), _CARD, BOB)


# Matrix


_events = itertools.count(1)


def _from(device: Device, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "m.room.encrypted",
        "sender": device.own.user,
        "event_id": f"${next(_events)}",
        "origin_server_ts": 1_800_000_000_000,
        "content": content,
    }


@functools.cache
def _devices() -> tuple[Device, Device]:
    """The devices of Anna and Bob. They have written to each other, and Bob's has Anna's key for their room."""
    opened = contextlib.ExitStack()
    atexit.register(opened.close)
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
    anna, bob = opened.enter_context(contextlib.contextmanager(two)(folder))
    bob.reads(to_device=(anna.room_key_for(bob),))
    (annas,) = bob.people.of(anna.own.user).devices.values()
    anna.reads(to_device=(_from(bob, bob.olm.encrypt(anna.own.user, annas, "m.dummy", {})),))
    return anna, bob


def _with_keys(data: bytes) -> bytes:
    anna, bob = _devices()
    return data.replace(ANNAS_KEY, anna.own.ed25519.encode()).replace(BOBS_KEY, bob.own.ed25519.encode())


def _to_a_device(data: bytes) -> None:
    """A message from one device to another."""
    anna, bob = _devices()
    (device,) = anna.people.of(bob.own.user).devices.values()
    session, *others = anna.olm._sessions(device.curve25519)
    kind, body = session.encrypt(_with_keys(data)).to_parts()
    anna.olm._keep(bob.own.user, device.curve25519, [session, *others])
    content = {
        "algorithm": OLM,
        "sender_key": anna.own.curve25519,
        "ciphertext": {device.curve25519: {"type": kind, "body": unpadded(body)}},
    }
    bob.reads(to_device=(_from(anna, content),))


def _in_a_room(data: bytes) -> None:
    """A message from one device to all devices in a room."""
    anna, bob = _devices()
    session, kept = anna.megolm._session(ROOM)
    assert session is not None
    assert kept is not None
    content = {
        "algorithm": MEGOLM,
        "sender_key": anna.own.curve25519,
        "device_id": anna.own.device,
        "session_id": session.session_id,
        "ciphertext": session.encrypt(data).to_base64(),
    }
    kept.pickle = session.pickle(PICKLE_KEY)
    anna.vault.put(f"outbound:{ROOM}", kept)
    for message in bob.reads(_from(anna, content)).messages:
        judged.text_of(message)
        judged.has_effect(message, anna.own.user)


SEALED = {
    "a link between contacts": Target(_paired, (LinkError,), (b"\1\3\0\0\0\1\xc3\x50" + bytes(11),)),
    "a notice of a new node": Target(_moved, (LinkError,), (ANNA.key + b"\0\0\0\1",)),
    "a sealed request": Target(
        _request,
        (LinkError,),
        (b"\x11\3\0\0\0\1" + bytes(16) + ANNA.key + bytes(8) + bytes(32) + b"\xc3\x50",),
    ),
    "a message to a device of Matrix": Target(
        _to_a_device,
        (),
        (
            b'{"sender":"@anna:chat.test","sender_device":"DEVICE","keys":{"ed25519":"ANNAS-KEY"},"recipient":'
            b'"@bob:chat.test","recipient_keys":{"ed25519":"BOBS-KEY"},"type":"m.room_key","content":{"algorithm":'
            b'"m.megolm.v1.aes-sha2","room_id":"!room:chat.test","session_id":"a","session_key":"b"}}',
            b'{"sender":"@anna:chat.test","keys":{"ed25519":"ANNAS-KEY"},"recipient":"@bob:chat.test",'
            b'"recipient_keys":{"ed25519":"BOBS-KEY"},"type":"m.dummy","content":{}}',
        ),
    ),
    "a message in a room of Matrix": Target(
        _in_a_room,
        (),
        (
            b'{"room_id":"!room:chat.test","type":"m.room.message","content":{"msgtype":"m.text","body":"copybara:EQ"}}',
            b'{"room_id":"!room:chat.test","type":"m.reaction","content":{"m.relates_to":{"event_id":"$1","key":"a"}}}',
        ),
    ),
}
