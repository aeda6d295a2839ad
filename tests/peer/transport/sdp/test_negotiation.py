"""What two descriptions agree on, and the texts that describe the result."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription

from peer.transport.profile import EXTENSIONS, TRANSPORT_CC_EXTENSION, VideoCodec
from peer.transport.sdp.negotiation import accept_answer, accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.writing import write_answer, write_offer
from shared.errors import BadDescription
from shared.media import Media
from tests.peer.transport.sdp.descriptions import NAMES, offer, own_side

VP8 = frozenset({VideoCodec.VP8})
ANY = frozenset(VideoCodec)


@pytest.mark.parametrize("name", NAMES)
def test_opus_and_vp8_are_chosen_under_the_numbers_of_the_offer(name: str) -> None:
    described = read_description(offer(name))
    agreed = accept_offer(described, Media.BOTH, ANY)
    by_kind = {stream.kind: stream for stream in agreed.streams.values()}
    assert by_kind["audio"].codec.name == "OPUS"
    audio, video = {"firefox-offer": (109, 120), "aiortc-offer": (96, 97)}.get(name, (111, 96))
    assert by_kind["audio"].payload_type == audio
    if "video" in by_kind:
        assert (by_kind["video"].codec.name, by_kind["video"].payload_type) == ("VP8", video)
    assert agreed.client
    assert not agreed.controlling


def test_sections_keep_their_order_and_those_unused_have_port_zero() -> None:
    described = read_description(offer("deltachat-offer"))
    answer = write_answer(own_side(), described, accept_offer(described, Media.AUDIO, VP8))
    assert [line.split()[:2] for line in answer.splitlines() if line.startswith("m=")] == [
        ["m=video", "0"],
        ["m=audio", "40404"],
        ["m=application", "40404"],
    ]
    assert "a=group:BUNDLE 1 2" in answer.splitlines()


def test_h264_is_taken_only_if_nothing_else_is_offered_and_the_endpoint_can() -> None:
    only_h264 = offer("firefox-offer").replace("VP8/90000", "VP9/90000")
    described = read_description(only_h264)
    agreed = accept_offer(described, Media.BOTH, ANY)
    assert agreed.variant.video is VideoCodec.H264
    assert agreed.streams["1"].payload_type == 126, "the one with packetization-mode 1"
    assert accept_offer(described, Media.BOTH, VP8).media is Media.AUDIO
    assert accept_offer(read_description(offer("firefox-offer")), Media.BOTH, ANY).variant.video is VideoCodec.VP8
    assert "a=rtpmap:126 H264/90000" in write_answer(own_side(), described, agreed)


def test_without_bundle_one_section_is_answered() -> None:
    described = read_description(offer("firefox-offer").replace("a=group:BUNDLE 0 1 2\r\n", ""))
    assert accept_offer(described, Media.BOTH, ANY).media is Media.AUDIO


def test_a_section_that_shares_the_first_ones_port_is_no_rejected_one() -> None:
    sharing = offer("firefox-offer").replace("m=video 9", "m=video 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only")
    assert accept_offer(read_description(sharing), Media.BOTH, ANY).media is Media.BOTH
    rejected = offer("firefox-offer").replace("m=video 9", "m=video 0")
    assert accept_offer(read_description(rejected), Media.BOTH, ANY).media is Media.AUDIO


@pytest.mark.parametrize(("theirs", "sends", "receives", "ours"), [
    ("sendrecv", True, True, "sendrecv"),
    ("sendonly", False, True, "recvonly"),
    ("recvonly", True, False, "sendonly"),
    ("inactive", False, False, "inactive"),
])  # fmt: skip
def test_directions_are_answered_by_their_counterpart(theirs: str, sends: bool, receives: bool, ours: str) -> None:
    described = read_description(offer("chromium-audio").replace("a=sendrecv", f"a={theirs}"))
    agreed = accept_offer(described, Media.BOTH, ANY)
    stream = agreed.streams["0"]
    assert (stream.sends, stream.receives) == (sends, receives)
    assert f"a={ours}" in write_answer(own_side(), described, agreed).splitlines()


@pytest.mark.parametrize("trickled", [False, True])
@pytest.mark.parametrize("media", [Media.AUDIO, Media.VIDEO, Media.BOTH])
@pytest.mark.parametrize("address", ["10.83.0.7", "200:1111::7"])
def test_our_offer_is_read_by_aiortc_and_answered_by_ourselves(address: str, media: Media, trickled: bool) -> None:
    own = own_side(address, trickled=trickled)
    offered = write_offer(own, media, ANY)
    parsed = SessionDescription.parse(offered.sdp)
    assert [each.kind for each in parsed.media[:-1]] == list(offered.asked)
    assert all(len(each.ice_candidates) == (0 if trickled else 1) for each in parsed.media)
    described = read_description(offered.sdp)
    agreed = accept_offer(described, media, VP8)
    assert agreed.media is media
    answer = write_answer(own_side("10.83.0.9"), described, agreed)
    taken = accept_answer(read_description(answer), offered.asked, offered.channel)
    assert taken.media is media
    assert taken.controlling
    assert not taken.client, "the answerer begins"
    assert taken.channel == offered.channel


def test_an_answer_to_another_offer_is_refused() -> None:
    first, second = (write_offer(own_side(), Media.BOTH, VP8) for _ in range(2))
    described = read_description(first.sdp)
    answer = read_description(write_answer(own_side(), described, accept_offer(described, Media.BOTH, VP8)))
    assert accept_answer(answer, first.asked, first.channel).media is Media.BOTH
    with pytest.raises(BadDescription, match="another call"):
        accept_answer(answer, second.asked, second.channel)


def test_an_answer_that_leaves_open_who_begins_is_refused() -> None:
    offered = write_offer(own_side(), Media.AUDIO, VP8)
    with pytest.raises(BadDescription, match="begins"):
        accept_answer(read_description(offered.sdp), offered.asked, offered.channel)


def test_a_trickled_description_holds_no_address_at_all() -> None:
    sdp = write_offer(own_side("10.83.0.7", trickled=True), Media.BOTH, VP8).sdp
    assert "10.83" not in sdp
    assert "a=candidate" not in sdp


def test_packets_are_numbered_for_the_transport_only_where_somebody_reports_on_them() -> None:
    def numbered(sdp: str) -> frozenset[str]:
        return frozenset(accept_offer(read_description(sdp), Media.BOTH, VP8).variant.transport_cc)

    chromium = offer("chromium-audio-video-channel")
    assert numbered(chromium) == {"audio", "video"}
    assert numbered(chromium.replace(EXTENSIONS[TRANSPORT_CC_EXTENSION], "urn:x:unknown")) == frozenset()
    no_reports = "".join(line for line in chromium.splitlines(keepends=True) if not line.endswith(" transport-cc\r\n"))
    assert numbered(no_reports) == frozenset()
    assert numbered(offer("firefox-offer")) == frozenset({"video"})
