from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import LocalProtocolError, RemoteProtocolError
from shared.messages import (
    MAX_MESSAGE,
    MAX_REASON,
    MAX_TEXT,
    PUBLIC_KEY_BYTES,
    SEAL_BYTES,
    Bye,
    Hello,
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    JoinOver,
    MediaState,
    Members,
    Message,
    PairConfirm,
    PairKey,
    PairSeal,
    Ping,
    Pong,
    Text,
    Unknown,
    decode,
    encode,
)


def sized(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


COUNTERS = st.integers(0, 2**32 - 1)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, version=st.integers(0, 255), media=st.integers(0, 255)),
    st.builds(PairKey, public=sized(PUBLIC_KEY_BYTES), commitment=sized(32)),
    st.builds(PairSeal, sealed=sized(SEAL_BYTES)),
    st.builds(PairConfirm, mac=sized(32)),
    st.builds(MediaState, audio=st.booleans(), video=st.booleans(), screen=st.booleans(), paused=st.booleans()),
    st.builds(Text, text=st.text(min_size=1, max_size=MAX_TEXT)),
    st.builds(Bye, reason=st.text(max_size=MAX_REASON)),
    st.builds(Ping, id=COUNTERS),
    st.builds(Pong, id=COUNTERS),
    st.builds(JoinAsk, conversation=sized(16), names=st.lists(st.text(max_size=40), min_size=1, max_size=3).map(tuple)),
    st.builds(JoinAnswer, conversation=sized(16), agrees=st.booleans()),
    st.builds(JoinOver, conversation=sized(16)),
    st.builds(JoinNode, conversation=sized(16), node=sized(32), calls=st.booleans()),
    st.builds(JoinLink, conversation=sized(16), node=sized(32), link=st.text(min_size=1, max_size=256)),
    st.builds(Members, conversation=sized(16), nodes=st.lists(sized(32), max_size=2).map(tuple)),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TAGS = [
    *("hello", "pair-key", "pair-seal", "pair-confirm", "pair-kept", "media-state", "text", "bye", "ping", "pong"),
    *("join-ask", "join-answer", "join-over", "join-node", "join-link", "members"),
]
FIELDS = [
    "version",
    "media",
    "public",
    "commitment",
    "sealed",
    "mac",
    "audio",
    "video",
    "screen",
    "text",
    "reason",
    "id",
    "conversation",
    "names",
    "agrees",
    "node",
    "calls",
    "link",
    "nodes",
]


def packed(**fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


def assert_decodes_or_is_refused(data: bytes) -> None:
    try:
        message = decode(data)
    except RemoteProtocolError:
        return
    assert isinstance(message, Message | Unknown)


@given(MESSAGES)
def test_what_is_encoded_is_decoded_again(message: Message) -> None:
    data = encode(message)
    assert len(data) <= MAX_MESSAGE
    assert decode(data) == message


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x82\xa4type\xa4text\xa4text\xa1\xff")
@example(b"\x82\xa4type\xa1\xff\xa4text\xa1a")
@example(b"\x82\xa4type\xa4ping\xa1y" + b"\x91" * 15_000)
@example(b"\x91" * MAX_MESSAGE)
@example(b"\xdf\xff\xff\xff\xff\xa4type\xa4ping")
def test_any_bytes_are_a_message_or_the_one_error(data: bytes) -> None:
    assert_decodes_or_is_refused(data)


@given(st.sampled_from(TAGS), st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_any_fields_are_a_message_or_the_one_error(tag: str, fields: dict[str, object]) -> None:
    assert_decodes_or_is_refused(msgspec.msgpack.encode({"type": tag, **fields}))


@given(MESSAGES, st.data())
def test_a_message_with_a_byte_changed_or_cut_off_is_a_message_or_the_one_error(
    message: Message, data: st.DataObject
) -> None:
    encoded = bytearray(encode(message))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    assert_decodes_or_is_refused(bytes(encoded))
    with pytest.raises(RemoteProtocolError):
        decode(encode(message)[:place])


@given(MESSAGES)
def test_nothing_may_follow_a_message(message: Message) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(encode(message) + b"\xc0")


def test_a_type_of_a_newer_version_is_skipped() -> None:
    assert decode(packed(type="subtitles", language="eo")) == Unknown()


def test_a_field_of_a_newer_version_is_skipped() -> None:
    assert decode(packed(type="ping", id=7, urgent=True)) == Ping(7)


def test_a_missing_optional_field_has_its_default() -> None:
    assert decode(packed(type="media-state", audio=True, video=False)) == MediaState(True, False, False)
    assert decode(packed(type="bye")) == Bye("")


@pytest.mark.parametrize(
    "data",
    [
        packed(),
        packed(id=7),
        packed(type=7, id=7),
        packed(type="ping"),
        packed(type="ping", id=-1),
        packed(type="ping", id=2**32),
        packed(type="ping", id="7"),
        packed(type="ping", id=7.0),
        packed(type="text", text=""),
        packed(type="text", text="x" * (MAX_TEXT + 1)),
        packed(type="bye", reason="x" * (MAX_REASON + 1)),
        packed(type="pair-confirm", mac=bytes(31)),
        packed(type="pair-confirm", mac="x" * 32),
        packed(type="pair-key", public=bytes(PUBLIC_KEY_BYTES + 1), commitment=bytes(32)),
        packed(type="pair-seal", sealed=b""),
        packed(type="join-ask", conversation=bytes(16), names=[]),
        packed(type="join-ask", conversation=bytes(16), names=["a", "b", "c", "d"]),
        packed(type="join-ask", conversation=bytes(16), names=["x" * 41]),
        packed(type="join-node", conversation=bytes(16), node=bytes(31), calls=True),
        packed(type="join-link", conversation=bytes(16), node=bytes(32), link="x" * 257),
        packed(type="members", conversation=bytes(15), nodes=[]),
        packed(type="members", conversation=bytes(16), nodes=[bytes(32)] * 3),
        packed(type="members", conversation=bytes(16), nodes=["x" * 32]),
        packed(type="x" * 33),
        packed(type="text", text="hello", padding=bytes(MAX_MESSAGE)),
    ],
)
def test_what_no_message_holds_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(data)


@pytest.mark.parametrize(
    "message",
    [
        Text(""),
        Text("x" * (MAX_TEXT + 1)),
        Text("\ud800"),
        Bye("x" * (MAX_REASON + 1)),
        Ping(-1),
        Ping(2**64),
        PairConfirm(b""),
    ],
)
def test_what_the_other_side_would_refuse_is_never_sent(message: Message) -> None:
    with pytest.raises(LocalProtocolError):
        encode(message)


def test_the_longest_text_fits() -> None:
    assert decode(encode(Text("\U0001f980" * MAX_TEXT))) == Text("\U0001f980" * MAX_TEXT)
