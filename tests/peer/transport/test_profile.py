"""The fixed RTP profile. Other implementations and our own page rely on exactly these numbers."""

from __future__ import annotations

from typing import get_args

import pytest
from aiortc.codecs import get_decoder, get_encoder

from peer.transport.profile import CLOCK_RATES, KINDS, MEDIA, MIDS, Kind, codec, receive_parameters, send_parameters
from shared.media import Media

ALL_KINDS: tuple[Kind, ...] = get_args(Kind)


def test_payload_types_and_mids_are_those_of_the_design() -> None:
    assert KINDS == {111: "audio", 96: "video"}
    assert MIDS == {"audio": "0", "video": "1"}
    assert CLOCK_RATES == {"audio": 48000, "video": 90000}
    assert {codec(kind).payloadType: kind for kind in ALL_KINDS} == KINDS
    assert [codec(kind).mimeType for kind in ALL_KINDS] == ["audio/opus", "video/VP8"]
    assert MEDIA["audio"] | MEDIA["video"] == Media.BOTH


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_both_directions_use_the_same_numbers(kind: Kind) -> None:
    sent, received = send_parameters(kind, cname="random"), receive_parameters(kind)
    assert sent.codecs == received.codecs == [codec(kind)]
    assert sent.headerExtensions == received.headerExtensions
    assert {
        extension.id: extension.uri.rpartition(":")[2].rpartition("/")[2] for extension in sent.headerExtensions
    } == {
        1: "mid",
        2: "abs-send-time",
    }
    assert sent.muxId == received.muxId == MIDS[kind]
    assert sent.rtcp.cname == "random"


def test_the_picture_can_be_mended() -> None:
    asked = {(feedback.type, feedback.parameter) for feedback in codec("video").rtcpFeedback}
    assert asked == {("nack", None), ("nack", "pli"), ("goog-remb", None)}


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_our_own_codecs_speak_it(kind: Kind) -> None:
    assert get_encoder(codec(kind))
    assert get_decoder(codec(kind))
