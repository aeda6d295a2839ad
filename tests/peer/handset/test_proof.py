"""How page and server prove to each other that they know a key, tested as bytes."""

from __future__ import annotations

import dataclasses
import hmac
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peer.handset.proof import PAGE, SERVER, WRAP_LABEL, Meeting, proof_key
from shared.hkdf import hkdf

KEY = bytes(range(32))
MEETING = Meeting("127.0.0.1:8765", b"p" * 32, b"s" * 32)


def test_a_proof_is_the_hmac_that_is_documented() -> None:
    said = b"server\x00127.0.0.1:8765\x00" + b"p" * 32 + b"s" * 32
    assert MEETING.proof(KEY, SERVER) == hmac.new(KEY, said, sha256).digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "127.0.0.1:8766"},
        {"host": "localhost:8765"},
        {"page_nonce": b"q" * 32},
        {"server_nonce": b"q" * 32},
        {"page_nonce": b"s" * 32, "server_nonce": b"p" * 32},
    ],
    ids=str,
)
def test_a_proof_holds_for_one_address_one_side_and_one_meeting(changed: dict[str, Any]) -> None:
    proof = MEETING.proof(KEY, PAGE)
    assert MEETING.proven(KEY, PAGE, proof)
    assert not MEETING.proven(KEY, SERVER, proof)
    assert not MEETING.proven(proof_key(KEY), PAGE, proof)
    assert not dataclasses.replace(MEETING, **changed).proven(KEY, PAGE, proof)


@pytest.mark.parametrize("wrong", [b"", b"\0" * 32, b"\0" * 31, b"\0" * 33])
def test_other_bytes_are_no_proof(wrong: bytes) -> None:
    assert not MEETING.proven(KEY, PAGE, wrong)


def test_the_homes_key_opens_for_who_knows_the_secret_and_for_nobody_else() -> None:
    wrapped = MEETING.wrapped(b"secret", KEY)
    assert KEY not in wrapped

    def opened(secret: bytes, salt: bytes) -> bytes:
        return AESGCM(hkdf(secret, salt=salt, info=WRAP_LABEL)).decrypt(bytes(12), wrapped, None)

    assert opened(b"secret", b"p" * 32 + b"s" * 32) == KEY
    for secret, salt in ((b"other", b"p" * 32 + b"s" * 32), (b"secret", b"s" * 32 + b"p" * 32)):
        with pytest.raises(InvalidTag):
            opened(secret, salt)
