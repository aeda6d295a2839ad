"""The messages between the page and this program."""

from __future__ import annotations

import contextlib
import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.handset import protocol
from peer.handset.protocol import FromPage, Place, Text, ToPage, decode, encode
from shared.errors import HandsetError, LocalProtocolError

FROM_PAGE, TO_PAGE = get_args(FromPage), get_args(ToPage)


@pytest.mark.parametrize("kind", FROM_PAGE, ids=lambda kind: kind.__name__)
def test_what_the_page_says_is_read_as_it_was_meant(kind: type[protocol.FromPage]) -> None:
    values = {"call": 3, "id": 9, "text": "t", "whom": "anna", "media": "audio", "sdp": "v=0", "leg": 2, "name": "a"}
    values |= {"new_name": "b", "trust": "auto", "audio": True, "video": False, "on": True, "code": "042917"}
    values |= {"size": 5, "upload": 7, "file": 4, "accept": True}
    values |= {"what": "start", "agrees": True, "form": "webm", "question": "q", "words": "w", "node": "n"}
    values |= {"reference": "00ff"}
    fields = {field.name for field in msgspec.structs.fields(kind)}
    said = {"type": kind.__struct_config__.tag} | {name: text for name, text in values.items() if name in fields}
    message = decode(json.dumps(said))
    assert type(message) is kind
    for name in fields & values.keys():
        assert getattr(message, name) == values[name]


def test_every_message_has_a_name_of_its_own() -> None:
    tags = [kind.__struct_config__.tag for kind in (*FROM_PAGE, *TO_PAGE)]
    assert len(set(tags)) == len(tags)


def test_a_call_is_for_video_unless_it_says_otherwise() -> None:
    assert decode('{"type": "place", "whom": "anna"}') == Place(whom="anna", media="video")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(HandsetError):
        assert isinstance(decode(data), FROM_PAGE)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(data: str) -> None:
    with contextlib.suppress(HandsetError):
        assert isinstance(decode(data), FROM_PAGE)


def test_text_that_is_no_unicode_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError):
        encode(Text(call=1, ours=True, text="\ud800", at=0))
