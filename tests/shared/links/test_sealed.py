from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.links.kinds import BadLink, Request, SealedRequest, decode
from shared.links.sealed import open_request, seal_request
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from tests.vectors import make

ANNA, BEN = NodeId(b"a" * 32), NodeId(b"b" * 32)
KEY = X25519PrivateKey.from_private_bytes(b"k" * 32)
CARD_KEY = KEY.public_key().public_bytes_raw()
REQUEST = Request.to(BEN, media=Media.AUDIO, created=1, seed=bytes(16), source=ANNA, fingerprint=bytes(32), port=1)
SEALED = seal_request(REQUEST, CARD_KEY, BEN)

# Every point of low order on Curve25519 and its twist, and the first as nobody should write it (RFC 7748, section 6.1).
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


def assert_not_for_us(sealed: SealedRequest, key: X25519PrivateKey = KEY, own: NodeId = BEN) -> None:
    with pytest.raises(BadLink) as caught:
        open_request(sealed, key, own)
    assert caught.value.reason is Reason.NOT_FOR_THIS_NODE


def test_the_holder_of_the_card_key_reads_the_request() -> None:
    assert open_request(SEALED, KEY, BEN) == REQUEST


def test_a_sealed_request_is_a_link_of_194_characters() -> None:
    assert len(SEALED.token) == 194
    assert decode(SEALED.token) == SEALED


def test_sealing_twice_gives_links_that_share_nothing_but_their_first_byte() -> None:
    again = seal_request(REQUEST, CARD_KEY, BEN)
    assert again.raw[0] == SEALED.raw[0]
    assert again.raw[1:33] != SEALED.raw[1:33]
    assert again.raw[33:] != SEALED.raw[33:]


def test_another_key_cannot_open_it() -> None:
    assert_not_for_us(SEALED, key=X25519PrivateKey.generate())


def test_another_node_with_the_same_key_cannot_open_it() -> None:
    assert_not_for_us(SEALED, own=ANNA)


@given(st.integers(8, 145 * 8 - 1))
def test_a_sealed_request_with_any_bit_changed_cannot_be_opened(bit: int) -> None:
    flipped = bytearray(SEALED.raw)
    flipped[bit // 8] ^= 1 << bit % 8
    # X25519 ignores the top bit of a public key (RFC 7748, section 5); HPKE's key schedule does not.
    assert_not_for_us(SealedRequest(bytes(flipped)))


@given(st.binary(min_size=144, max_size=144))
def test_random_bytes_cannot_be_opened(sealed: bytes) -> None:
    assert_not_for_us(SealedRequest(SEALED.raw[:1] + sealed))


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_key_of_low_order_opens_nothing_and_takes_nothing(point: bytes) -> None:
    assert_not_for_us(SealedRequest(SEALED.raw[:1] + point + SEALED.raw[33:]))
    with pytest.raises(BadLink) as caught:
        seal_request(REQUEST, point, BEN)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_card_key_of_another_size_is_malformed(size: int) -> None:
    with pytest.raises(BadLink) as caught:
        seal_request(REQUEST, bytes(size), BEN)
    assert caught.value.reason is Reason.MALFORMED


def test_what_was_sealed_must_still_be_a_request() -> None:
    ephemeral = b"e" * 32
    shared = make.dhkem_shared_secret(ephemeral, CARD_KEY)
    sealed = make.hpke_seal(make.DHKEM_X25519, shared, b"copybara/1 sealed request" + BEN.key, bytes(96))
    with pytest.raises(BadLink) as caught:
        open_request(SealedRequest(SEALED.raw[:1] + make.public_of(ephemeral) + sealed), KEY, BEN)
    assert caught.value.reason is Reason.WRONG_VERSION
