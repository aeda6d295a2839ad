from __future__ import annotations

import base64
import hashlib
import hmac
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LinkError, LocalProtocolError
from shared.links.kinds import (
    BadLink,
    Card,
    Link,
    LinkKind,
    MovedToken,
    PairedToken,
    Request,
    Response,
    SealedRequest,
    Status,
    decode,
)
from shared.links.tokens import MAX_TOKEN_LENGTH, SIZES, to_bytes, to_text
from shared.media import Media
from shared.reasons import Reason
from tests.shared.links.link_values import (
    ALICE,
    BOB,
    CARD,
    LINKS,
    PAIRED,
    REQUEST,
    RESPONSE,
    SEALED,
    is_accepted,
    links,
    near_tokens,
    node_ids,
    requests,
    responses,
)


def reason_of(token: str) -> Reason:
    with pytest.raises(BadLink) as caught:
        decode(token)
    return caught.value.reason


def changed(link: Link, offset: int, value: bytes) -> str:
    """The token of a link with some bytes replaced."""
    raw = link.encode()
    return to_text(raw[:offset] + value + raw[offset + len(value) :])


@given(links)
def test_every_link_survives_the_round_trip(link: Link) -> None:
    assert decode(link.token) == link


@given(near_tokens)
def test_any_text_is_decoded_or_raises_bad_link(text: str) -> None:
    is_accepted(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_raise_bad_link(raw: bytes) -> None:
    is_accepted(to_text(raw))


@given(links, st.data())
def test_a_flipped_bit_is_decoded_exactly_or_raises_bad_link(link: Link, data: st.DataObject) -> None:
    raw = bytearray(link.encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    is_accepted(to_text(bytes(raw)))


@given(links, st.data())
def test_a_truncated_link_is_malformed(link: Link, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(link.token) - 1))
    assert reason_of(link.token[:length]) is Reason.MALFORMED


@given(links, st.text("ABEFgw0189_-", min_size=1, max_size=8))
def test_a_link_with_something_behind_it_is_malformed(link: Link, more: str) -> None:
    assert reason_of(link.token + more) is Reason.MALFORMED


def test_thousands_of_random_tokens_give_a_value_or_one_error() -> None:
    dice = random.Random(1)
    accepted = dict.fromkeys(LinkKind, 0)
    for _ in range(8_000):
        kind = dice.choice(list(LinkKind))
        size = dice.choice(SIZES[kind]) if dice.random() < 0.9 else dice.randrange(200)
        token = to_text(bytes([kind.first_byte]) + dice.randbytes(max(0, size - 1)))
        accepted[kind] += is_accepted(token)
    # Random bytes are a valid request only with three of 256 media values. A card's checksum never fits by chance.
    assert accepted[LinkKind.PAIRED] > 1_000
    assert accepted[LinkKind.SEALED] > 1_000
    assert accepted[LinkKind.REQUEST] < 100
    assert accepted[LinkKind.CARD] == 0


def test_sizes_are_those_of_the_design() -> None:
    assert [len(link.encode()) for link in LINKS[:4]] == [96, 48, 48, 145]
    assert [len(link.token) for link in LINKS[:4]] == [128, 64, 64, 194]
    assert len(CARD.token) <= MAX_TOKEN_LENGTH


def test_a_request_is_laid_out_as_documented() -> None:
    assert REQUEST.encode() == b"".join(
        [
            b"\x11\x03",
            struct.pack(">I", 1_700_000_000),
            bytes(range(16)),
            ALICE.key,
            hashlib.sha256(BOB.key).digest()[:8],
            b"f" * 32,
            struct.pack(">H", 40_000),
        ]
    )


def test_a_response_is_laid_out_as_documented() -> None:
    request_hint = hashlib.sha256(REQUEST.encode()).digest()[:4]
    port = struct.pack(">H", 50_000)
    assert RESPONSE.encode() == b"\x12\x11" + request_hint + bytes(range(8)) + b"g" * 32 + port


def test_a_refusal_is_laid_out_as_documented() -> None:
    digest = hashlib.sha256(REQUEST.encode()).digest()
    proof = hmac.new(digest, b"copybara/1 response\x03", "sha256").digest()
    assert Response.refusing(REQUEST, Status.BUSY).encode() == b"\x12\x30" + digest[:4] + bytes(8) + proof + bytes(2)


def test_a_paired_token_is_cut_into_nonce_and_sealed_body() -> None:
    assert PAIRED.nonce == bytes(range(12))
    assert PAIRED.sealed == bytes(range(12, 47))


@given(requests, node_ids)
def test_a_request_is_for_its_destination_only(request: Request, node: Any) -> None:
    addressed = Request.to(
        node,
        media=request.media,
        created=request.created,
        seed=request.seed,
        source=request.source,
        fingerprint=request.fingerprint,
        port=request.port,
    )
    assert addressed.is_for(node)
    assert not REQUEST.is_for(ALICE)


@given(requests, requests, st.sampled_from([Status.DECLINE, Status.BUSY]))
def test_a_refusal_proves_that_its_writer_has_read_the_request(one: Request, other: Request, status: Status) -> None:
    refusal = Response.refusing(one, status)
    assert refusal.answers(one)
    assert refusal.proves(one)
    assert refusal.proves(other) == (one == other)


def test_a_refusal_of_another_status_proves_nothing() -> None:
    assert not replace(Response.refusing(REQUEST, Status.BUSY), status=Status.DECLINE).proves(REQUEST)


def test_an_acceptance_answers_its_request_and_proves_nothing_yet() -> None:
    assert RESPONSE.answers(REQUEST)
    assert not RESPONSE.answers(replace(REQUEST, port=1))
    assert not RESPONSE.proves(REQUEST)


def test_refusing_with_an_acceptance_is_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError):
        Response.refusing(REQUEST, Status.ACCEPT)


@given(responses)
def test_a_response_is_an_acceptance_with_a_port_or_a_refusal_without(response: Response) -> None:
    assert (response.status is Status.ACCEPT) == (response.port != 0)


@pytest.mark.parametrize("version", [0, 2, 15])
@pytest.mark.parametrize("link", LINKS, ids=lambda link: type(link).__name__)
def test_another_version_is_named_whatever_follows(link: Link, version: int) -> None:
    first = bytes([version << 4 | link.encode()[0] & 15])
    assert reason_of(changed(link, 0, first)) is Reason.WRONG_VERSION
    assert reason_of(to_text(first)) is Reason.WRONG_VERSION


@pytest.mark.parametrize("kind", [0, *range(7, 16)])
@pytest.mark.parametrize("size", [1, 48, 96, 145])
def test_an_unknown_kind_is_malformed(kind: int, size: int) -> None:
    assert reason_of(to_text(bytes([1 << 4 | kind]) + bytes(size - 1))) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("decode_kind", "kind"),
    [
        (Request.decode, LinkKind.REQUEST),
        (Response.decode, LinkKind.RESPONSE),
        (PairedToken, LinkKind.PAIRED),
        (SealedRequest, LinkKind.SEALED),
        (Card.decode, LinkKind.CARD),
        (MovedToken, LinkKind.MOVED),
    ],
    ids=lambda value: value.name if isinstance(value, LinkKind) else "",
)
def test_one_kind_is_not_read_as_another(decode_kind: Callable[[bytes], Link], kind: LinkKind) -> None:
    for link in LINKS:
        if link.encode()[0] != kind.first_byte:
            with pytest.raises(BadLink) as caught:
                decode_kind(link.encode())
            assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "token",
    [
        changed(REQUEST, 1, b"\x00"),
        changed(REQUEST, 1, b"\x04"),
        changed(REQUEST, 1, b"\x83"),
        changed(REQUEST, 94, b"\x00\x00"),
        changed(RESPONSE, 1, b"\x01"),
        changed(RESPONSE, 1, b"\x41"),
        changed(RESPONSE, 1, b"\x14"),
        changed(RESPONSE, 46, b"\x00\x00"),
        changed(Response.refusing(REQUEST, Status.BUSY), 1, b"\x31"),
        changed(Response.refusing(REQUEST, Status.BUSY), 13, b"\x01"),
        changed(Response.refusing(REQUEST, Status.BUSY), 46, b"\x00\x01"),
    ],
    ids=[
        "request for no media",
        "request for unknown media",
        "request with a spare bit",
        "request without a port",
        "response without a status",
        "response of unknown status",
        "response with unknown media",
        "acceptance without a port",
        "refusal with media",
        "refusal with a seed",
        "refusal with a port",
    ],
)
def test_values_that_mean_nothing_are_malformed(token: str) -> None:
    assert reason_of(token) is Reason.MALFORMED


@pytest.mark.parametrize(
    "values",
    [
        {"media": Media.NONE},
        {"media": Media(4)},
        {"created": -1},
        {"created": 1 << 32},
        {"seed": bytes(15)},
        {"destination_hint": bytes(9)},
        {"fingerprint": b""},
        {"port": 0},
        {"port": 1 << 16},
    ],
)
def test_a_request_that_could_not_be_sent_is_not_made(values: dict[str, Any]) -> None:
    with pytest.raises(BadLink):
        replace(REQUEST, **values)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "A",
        PAIRED.token + "=",
        PAIRED.token + "\n",
        " " + PAIRED.token,
        PAIRED.token[:32] + " " + PAIRED.token[32:],
        PAIRED.token[:-1] + "+",
        PAIRED.token[:-1] + "ä",
        PAIRED.token[:-1] + "\ud800",
        SEALED.token + "==",
        base64.b64encode(SEALED.encode()).decode(),
        "E" * 100_000,
    ],
)
def test_a_token_has_one_spelling(token: str) -> None:
    assert reason_of(token) is Reason.MALFORMED


def test_spare_bits_must_be_zero() -> None:
    assert SEALED.token.endswith("w")
    for last in "xyz_":
        assert reason_of(SEALED.token[:-1] + last) is Reason.MALFORMED


@given(st.binary(max_size=192))
def test_bytes_survive_as_text(raw: bytes) -> None:
    assert to_bytes(to_text(raw)) == raw


def test_a_bad_link_is_a_link_error_with_a_sentence_and_a_hint() -> None:
    error = BadLink(Reason.MALFORMED)
    assert isinstance(error, LinkError)
    assert error.sentence == "That link can't be read."
    assert error.hint


def test_seeds_do_not_show_up_when_a_link_is_printed() -> None:
    assert "seed" not in repr(REQUEST)
    assert "seed" not in repr(RESPONSE)
