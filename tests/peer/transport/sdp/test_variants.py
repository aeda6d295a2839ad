"""Two tables: offers with the same meaning in different forms, and forms that are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from aiortc.sdp import SessionDescription

from peer.transport.profile import MID_EXTENSION, VideoCodec
from peer.transport.sdp.candidates import parse_candidate, ports_at
from peer.transport.sdp.negotiation import Agreement, accept_answer, accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.writing import write_answer, write_offer
from shared.errors import BadDescription
from shared.media import Media
from tests.peer.transport.sdp.descriptions import offer, own_side

ANY = frozenset(VideoCodec)
FIREFOX = offer("firefox-offer")
CHROMIUM = offer("chromium-audio-video-channel")
SHA_256 = next(line for line in FIREFOX.split("\r\n") if line.startswith("a=fingerprint:"))
USERNAME, PASSWORD = "a=ice-ufrag:1ad1f3f2", "a=ice-pwd:44159564e974788c91d0561890ca7138"


def answered(sdp: str) -> tuple[Agreement, str]:
    """The agreement about an offer, and our answer. Another program reads the answer too."""
    description = read_description(sdp)
    agreed = accept_offer(description, Media.BOTH, ANY)
    answer = write_answer(own_side(), description, agreed)
    theirs = SessionDescription.parse(answer)
    assert [media.kind for media in theirs.media if media.port] == [
        section.kind for section in description.sections if section.mid in (*agreed.streams, agreed.channel)
    ]
    assert len(theirs.media) == len(description.sections)
    return agreed, answer


def without(sdp: str, *beginnings: str) -> str:
    return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(beginnings))


def moved_up(sdp: str, *beginnings: str) -> str:
    """Move the first line of each kind to the place before all sections, and delete the others."""
    lines = sdp.split("\r\n")
    moved = [next(line for line in lines if line.startswith(each)) for each in beginnings]
    head, *sections = without(sdp, *beginnings).split("m=")
    return "m=".join([head + "".join(f"{line}\r\n" for line in moved), *sections])


def in_the_first_section_alone(sdp: str, *beginnings: str) -> str:
    head, first, *others = sdp.split("m=")
    return "m=".join([head, first, *(without(each, *beginnings) for each in others)])


def renumbered(sdp: str, old: int, new: int) -> str:
    """Change a payload type everywhere."""
    sdp = re.sub(rf"(a=(?:rtpmap|fmtp|rtcp-fb):){old}\b", rf"\g<1>{new}", sdp)
    return re.sub(rf"(m=[^\r]*) {old}\b", rf"\g<1> {new}", sdp)


@pytest.mark.parametrize("written", [
    pytest.param(lambda sdp: sdp.replace("\r\n", "\n"), id="LF"),
    pytest.param(lambda sdp: sdp.replace("\r\n", "\r"), id="CR"),
    pytest.param(lambda sdp: sdp.replace("\r\n", "\n", 20), id="mixed"),
    pytest.param(lambda sdp: sdp.replace("\r\n", "  \r\n\r\n"), id="spaces at ends, empty lines"),
    pytest.param(lambda sdp: "  " + sdp.replace("\r\n", "\r\n   "), id="indented"),
    pytest.param(lambda sdp: sdp.rstrip(), id="no end of the last line"),
    pytest.param(lambda sdp: moved_up(sdp, "a=fingerprint"), id="fingerprint before all"),
    pytest.param(lambda sdp: moved_up(sdp, "a=fingerprint", "a=setup", "a=ice-ufrag", "a=ice-pwd"), id="all above"),
    pytest.param(lambda sdp: in_the_first_section_alone(sdp, "a=ice-", "a=setup", "a=fingerprint", "a=rtcp-mux"),
                 id="the transport in the first section alone"),
    pytest.param(lambda sdp: sdp.replace(SHA_256, f"a=fingerprint:sha-512 {'AB:' * 63}AB\r\n{SHA_256}"), id="sha-512"),
    pytest.param(lambda sdp: sdp.replace(SHA_256, f"a=fingerprint:sha-1 {'AB:' * 19}AB\r\n{SHA_256}"), id="sha-1 too"),
    pytest.param(lambda sdp: sdp.replace(SHA_256, f"{SHA_256}\r\na=fingerprint:md5 AB"), id="md5 behind it"),
    pytest.param(lambda sdp: sdp.replace(SHA_256, SHA_256.lower().replace("sha-256", "SHA-256")), id="the other case"),
    pytest.param(lambda sdp: without(sdp, "a=ssrc", "a=msid"), id="no SSRCs"),
    pytest.param(lambda sdp: sdp.replace("a=mid:", "a=ice-options:trickle\r\na=end-of-candidates\r\na=mid:"),
                 id="trickle"),
    pytest.param(lambda sdp: sdp.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"), id="RTP/SAVPF"),
    pytest.param(lambda sdp: sdp.replace("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"), id="TCP/TLS/RTP/SAVPF"),
    pytest.param(lambda sdp: sdp.replace("UDP/DTLS/SCTP", "DTLS/SCTP"), id="DTLS/SCTP"),
    pytest.param(lambda sdp: sdp.replace("a=group:BUNDLE", "a=group:LS 0 1\r\na=group:BUNDLE"), id="lip sync"),
    pytest.param(lambda sdp: sdp.replace("a=mid:", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=mid:"), id="SDES"),
    pytest.param(lambda sdp: sdp.replace("a=mid:", "b=AS:64\r\ni=what\r\nk=clear:x\r\na=mid:"), id="other lines"),
    pytest.param(lambda sdp: sdp.replace("m=video 9 ", "m=video 9/2 "), id="two ports"),
    pytest.param(lambda sdp: sdp.replace("opus/48000/2", "OPUS/48000/2").replace("VP8/90000", "vp8/90000"), id="case"),
    pytest.param(lambda sdp: renumbered(renumbered(sdp, 109, 35), 120, 127), id="35 and 127"),
])  # fmt: skip
def test_an_offer_that_is_written_another_way_is_answered_as_before(written: Callable[[str], str]) -> None:
    usual, _ = answered(FIREFOX)
    agreed, answer = answered(written(FIREFOX))
    assert agreed.media is Media.BOTH
    assert agreed.channel == "2"
    assert (agreed.ice, agreed.fingerprint, agreed.client) == (usual.ice, usual.fingerprint, usual.client)
    assert agreed.digest == usual.digest
    for protocol in re.findall(r"^m=\w+ \S+ (\S+)", written(FIREFOX).replace("\r", "\n"), re.MULTILINE):
        assert f" {protocol} " in answer, "the answer repeats the protocol"


def test_a_lite_program_is_led_by_us() -> None:
    agreed, answer = answered(FIREFOX.replace("t=0 0", "t=0 0\r\na=ice-lite"))
    assert agreed.controlling
    assert "ice-lite" not in answer
    assert not answered(FIREFOX)[0].controlling


def test_sections_without_names_get_none_and_share_no_transport() -> None:
    agreed, answer = answered(without(FIREFOX, "a=mid", "a=group"))
    assert agreed.media is Media.AUDIO
    assert "a=mid" not in answer
    assert "BUNDLE" not in answer
    assert all(MID_EXTENSION not in stream.extensions for stream in agreed.streams.values())


def test_a_section_without_a_name_is_left_out_of_the_bundle() -> None:
    agreed, answer = answered(FIREFOX.replace("a=mid:1\r\n", ""))
    assert agreed.media is Media.AUDIO
    assert "a=group:BUNDLE 0 2\r\n" in answer
    assert "m=video 0 " in answer


def test_the_first_of_the_bundle_that_is_used_says_what_the_transport_is() -> None:
    head, audio, video, channel = FIREFOX.split("m=")
    other = video.replace(USERNAME, "a=ice-ufrag:other").replace(PASSWORD, f"a=ice-pwd:{'other' * 5}")
    sdp = "m=".join([head.replace("BUNDLE 0 1 2", "BUNDLE 1 0 2"), audio, other, channel])
    agreed, answer = answered(sdp)
    assert agreed.ice.username == "other"
    assert "a=group:BUNDLE 1 0 2\r\n" in answer
    without_picture = accept_offer(read_description(sdp), Media.AUDIO, ANY)
    assert without_picture.ice.username == "1ad1f3f2"


@pytest.mark.parametrize(("group", "media", "channel"), [
    ("a=group:BUNDLE 0 1 2", Media.BOTH, "2"),
    ("a=group:BUNDLE 2 1 0", Media.BOTH, "2"),
    ("a=group:BUNDLE 0 0 1 1 2", Media.BOTH, "2"),
    ("a=group:BUNDLE 0 1 2 3 4 nothing", Media.BOTH, "2"),
    ("a=group:BUNDLE 0 2", Media.AUDIO, "2"),
    ("a=group:BUNDLE 1", Media.VIDEO, None),
    ("a=group:BUNDLE 0 1\r\na=group:BUNDLE 2", Media.BOTH, None),
    ("a=group:BUNDLE", Media.AUDIO, None),
    ("a=group:LS 0 1", Media.AUDIO, None),
    ("a=nothing", Media.AUDIO, None),
])  # fmt: skip
def test_what_isnt_in_the_bundle_isnt_answered(group: str, media: Media, channel: str | None) -> None:
    agreed, _ = answered(FIREFOX.replace("a=group:BUNDLE 0 1 2", group))
    assert (agreed.media, agreed.channel) == (media, channel)


def test_without_a_bundle_the_first_section_with_something_in_common_is_taken() -> None:
    sdp = without(CHROMIUM, "a=group").replace("opus/48000/2", "speex/16000")
    assert answered(sdp)[0].media is Media.VIDEO


@pytest.mark.parametrize("section", [
    "m=message 9 TCP/MSRP *\r\na=mid:9\r\n",
    "m=image 9 udptl t38\r\na=mid:9\r\n",
    "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:9\r\n",
    "m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\na=mid:9\r\na=rtcp-mux\r\n",
    "m=x-other 9 X/Y2 203.0.113.9\r\na=mid:9\r\n",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:9\r\na=rtcp-mux\r\na=rtpmap:96 VP9/90000\r\n",
])  # fmt: skip
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_section_that_we_have_no_use_for_is_refused_alone(section: str, at: int) -> None:
    parts = FIREFOX.split("m=")
    parts.insert(at, section.removeprefix("m="))
    sdp = "m=".join(parts).replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 9")
    description = read_description(sdp)
    agreed = accept_offer(description, Media.BOTH, ANY)
    answer = write_answer(own_side(), description, agreed)
    assert (agreed.media, agreed.channel) == (Media.BOTH, "2")
    refused = answer.split("m=")[at]
    assert refused.split()[1] == "0"
    assert "a=mid:9" in refused
    assert "203.0.113" not in answer


@pytest.mark.parametrize("number", [64, 72, 95])
def test_a_number_that_looks_like_rtcp_is_no_payload_type(number: int) -> None:
    assert answered(renumbered(FIREFOX, 109, number))[0].media is Media.VIDEO


def test_a_number_means_one_codec_in_the_whole_bundle() -> None:
    same = renumbered(without(FIREFOX, "a=rtpmap:126", "a=rtpmap:97"), 120, 109)
    assert answered(same)[0].media is Media.AUDIO
    agreed, _ = answered(renumbered(FIREFOX, 120, 109))
    numbers = {stream.payload_type for stream in agreed.streams.values()}
    assert numbers == {109, 126}, "another codec has a number of its own"


def test_retransmission_and_redundancy_are_not_answered() -> None:
    _, answer = answered(CHROMIUM)
    assert not re.search(r"rtx|red/|ulpfec|apt=|simulcast|rid:", answer)
    assert [line.split()[3:] for line in answer.splitlines() if line.startswith("m=video")] == [["96"]]


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
def test_whoever_offers_to_begin_begins(setup: str) -> None:
    agreed, answer = answered(FIREFOX.replace("a=setup:actpass", f"a=setup:{setup}"))
    assert agreed.client is (setup != "active")
    assert f"a=setup:{'active' if agreed.client else 'passive'}" in answer


@pytest.mark.parametrize("change", [
    lambda sdp: without(sdp, "a=fingerprint"),
    lambda sdp: sdp.replace(SHA_256, f"a=fingerprint:sha-512 {'AB:' * 63}AB"),
    lambda sdp: sdp.replace(SHA_256, f"a=fingerprint:sha-1 {'AB:' * 19}AB"),
    lambda sdp: sdp.replace(SHA_256, SHA_256[:-3]),
    lambda sdp: sdp.replace(SHA_256, SHA_256 + ":AB"),
    lambda sdp: without(sdp, "a=ice-pwd"),
    lambda sdp: without(sdp, "a=ice-ufrag"),
    lambda sdp: without(sdp, "a=setup"),
    lambda sdp: without(sdp, "a=rtcp-mux"),
    lambda sdp: without(sdp, "a=rtpmap"),
    lambda sdp: without(sdp, "m="),
    lambda sdp: sdp.replace("a=mid:1", "a=mid:0"),
    lambda sdp: sdp.replace("a=mid:1", "a=mid:1 0"),
    lambda sdp: sdp.replace("UDP/TLS/RTP/SAVPF", "RTP/AVPF"),
    lambda sdp: sdp.replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0"),
    lambda sdp: sdp.replace("m=audio 9", "m=audio -9"),
    lambda sdp: sdp.replace("a=", "A="),
    lambda sdp: sdp.replace("a=", "a ="),
    lambda sdp: sdp.replace("v=0", "v=0 0"),
    lambda sdp: sdp[sdp.index("m=") :],
    lambda sdp: sdp.encode("utf-16-le").decode("latin-1"),
])  # fmt: skip
def test_what_lacks_a_part_is_refused_in_one_sentence(change: Callable[[str], str]) -> None:
    with pytest.raises(BadDescription) as refused:
        answered(change(FIREFOX))
    assert refused.value.sentence.count("\n") == 0


WRITTEN = "200:1:2:3:4:5:6:7"


@pytest.mark.parametrize(("line", "ours"), [
    (f"candidate:1 1 udp 1 {WRITTEN} 5 typ host", True),
    (f"a=candidate:1 1 UDP 2122252543 {WRITTEN} 5 typ host\r\n", True),
    (f"  candidate:1 1 udp 1 {WRITTEN} 5 typ host generation 0 network-id 3 network-cost 10 ufrag x  ", True),
    ("candidate:1 1 udp 1 0200:0001:0002:0003:0004:0005:0006:0007 5 typ host", True),
    ("candidate:1 1 udp 1 200:1:2:3:4:5:0.6.0.7 5 typ host", True),
    (f"CANDIDATE:1 1 UDP 1 {WRITTEN.upper()} 5 TYP HOST", True),
    (f"candidate:{'f' * 32} 1 udp 4294967295 {WRITTEN} 5 typ host", True),
    (f"candidate:1 1 udp 1 {WRITTEN}. 5 typ host", False),
    (f"candidate:1 1 udp 1 [{WRITTEN}] 5 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN}%eth0 5 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN}/64 5 typ host", False),
    (f"candidate:1 1 udp 1 ::{WRITTEN} 5 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN}0 5 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN[:-1]}8 5 typ host", False),
    (f"candidate:1 2 udp 1 {WRITTEN} 5 typ host", False),
    (f"candidate:1 01 tcp 1 {WRITTEN} 5 typ host tcptype passive", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 5 typ srflx raddr {WRITTEN} rport 5", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 5 typ prflx", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 5 typ hosts", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 5", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 0 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN} 65536 typ host", False),
    (f"candidate:1 1 udp 1 {WRITTEN} -5 typ host", False),
    (f"candidate:1 1 udp 1 192.168.1.1 5 typ host raddr {WRITTEN}", False),
    ("candidate:1 1 udp 1 2b1f0e8c-5a5c-4d9f-8d39-2f4f4cfa1a10.local 5 typ host", False),
    ("candidate:1 1 udp 1 2B1F0E8C.LOCAL. 5 typ host", False),
    ("", False),
])  # fmt: skip
def test_a_candidate_is_the_other_nodes_or_it_is_none(line: str, ours: bool) -> None:
    parsed = parse_candidate(line)
    assert ports_at([parsed] if parsed else [], ip_address(WRITTEN)) == ((5,) if ours else ())


@pytest.mark.parametrize(("written", "ours"), [
    ("10.83.0.1", True),
    ("::ffff:10.83.0.1", True),
    ("::FFFF:0A53:1", True),
    ("0:0:0:0:0:ffff:a53:1", True),
    ("10.83.0.10", False),
    ("110.83.0.1", False),
    ("10.83.0.1.", False),
    ("10.83.0.01", False),
    ("10.83.1", False),
    ("0x0a.83.0.1", False),
    ("173211649", False),
    ("::10.83.0.1", False),
    ("64:ff9b::10.83.0.1", False),
    ("2002:a53:1::", False),
    ("::ffff:0:10.83.0.1", False),
])  # fmt: skip
def test_only_a_mapped_address_is_the_ipv4_address_in_it(written: str, ours: bool) -> None:
    parsed = parse_candidate(f"candidate:1 1 udp 1 {written} 5 typ host")
    assert ports_at([parsed] if parsed else [], ip_address("10.83.0.1")) == ((5,) if ours else ())


def test_an_answer_may_take_less_than_was_offered() -> None:
    offered = write_offer(own_side(), Media.BOTH, ANY)
    described = read_description(offered.sdp)
    answer = write_answer(own_side("10.83.0.9"), described, accept_offer(described, Media.AUDIO, ANY))
    taken = accept_answer(read_description(answer), offered.asked, offered.channel)
    assert taken.media is Media.AUDIO
    assert taken.channel == offered.channel
    alone = without(answer, "a=group")
    assert accept_answer(read_description(alone), offered.asked, offered.channel).channel is None


@pytest.mark.parametrize("change", [
    lambda answer, mids: answer.replace(mids[0], "other"),
    lambda answer, mids: answer.replace(mids[-1], mids[0]),
    lambda answer, mids: "m=".join(answer.split("m=")[:-1]),
    lambda answer, mids: "m=".join([*answer.split("m="), "audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:9\r\n"]),
    lambda answer, mids: without(answer, "a=mid"),
    lambda answer, mids: answer.replace("a=setup:active", "a=setup:actpass"),
    lambda answer, mids: re.sub(r"m=(audio|video) \d+", r"m=\1 0", answer),
    lambda answer, mids: answer.replace("opus/48000/2", "speex/8000").replace("VP8/90000", "VP9/90000"),
])  # fmt: skip
def test_an_answer_that_doesnt_fit_the_offer_is_refused(change: Callable[[str, list[str]], str]) -> None:
    offered = write_offer(own_side(), Media.BOTH, ANY)
    described = read_description(offered.sdp)
    answer = write_answer(own_side("10.83.0.9"), described, accept_offer(described, Media.BOTH, ANY))
    mids = [section.mid for section in described.sections]
    with pytest.raises(BadDescription):
        accept_answer(read_description(change(answer, mids)), offered.asked, offered.channel)
