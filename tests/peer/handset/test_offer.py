"""The SDP of the loopback leg: what the program offers, and how it reads or refuses a browser's answer."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st

from peer.handset.offer import offer, read_answer
from peer.transport.profile import Variant, VideoCodec
from shared.errors import HandsetError
from shared.media import Media
from shared.secrets.handshake import IceCredentials

ICE = IceCredentials("ufrag+/0", "p" * 24)
PRINT = bytes(range(32))
LISTENING = [(IPv4Address("127.0.0.1"), 4711), (IPv4Address("192.0.2.7"), 4712)]

CHROMIUM = """\
v=0
o=- 8777747251122557164 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 192.168.1.20 50000 typ host generation 0 network-cost 999
a=candidate:2 1 udp 2113937151 0f4e6ca7-6d3b-4d3c-9c3c-a87b4bcb29f3.local 50001 typ host
a=ice-ufrag:jkqA
a=ice-pwd:OLvT1MQpWdLCMeTTwB4Tm612
a=ice-options:trickle
a=fingerprint:sha-256 ED:D3:B6:AB:E7:73:D9:7C:5C:A4:0A:1D:5E:92:5D:9D:E8:01:31:F4:3E:79:70:20:6D:DF:8B:98:D2:1F:01:36
a=setup:active
a=mid:0
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:- e3d92e3a-e191-4980-90a7-d07c7c6e6ad9
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:1461884291 cname:GQiwuAo/C8o0XSNt
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:jkqA
a=ice-pwd:OLvT1MQpWdLCMeTTwB4Tm612
a=fingerprint:sha-256 ED:D3:B6:AB:E7:73:D9:7C:5C:A4:0A:1D:5E:92:5D:9D:E8:01:31:F4:3E:79:70:20:6D:DF:8B:98:D2:1F:01:36
a=setup:active
a=mid:1
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
""".replace("\n", "\r\n")
"An answer of Debian's Chromium, with two candidates added."


FIREFOX = """\
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 801858469037294704 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 29:21:D3:9F:5B:C0:40:D2:B7:F8:0A:17:C0:78:D1:6C:54:9D:96:3A:F8:02:88:93:DF:C4:E5:0D:DE:1B:42:44
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=candidate:0 1 UDP 2122187007 ab095e7f-150f-4827-a04f-698a72d824da.local 59626 typ host
a=candidate:2 1 TCP 2105458943 ab095e7f-150f-4827-a04f-698a72d824da.local 9 typ host tcptype active
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=fmtp:111 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=ice-pwd:c8fb1d8756a69ef6d45722a672d39181
a=ice-ufrag:0fb498ee
a=mid:0
a=msid:- {0fb33ce4-6463-4945-82b1-6a8010ee40d0}
a=rtcp-fb:111 transport-cc
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=setup:active
a=ssrc:1407378980 cname:{6d2c9caf-2222-41df-8e39-422a5c98462a}
""".replace("\n", "\r\n")
"An answer of Debian's Firefox to an offer of sound."


def offered(media: Media = Media.BOTH, **seen: int) -> str:
    return offer(ice=ICE, fingerprint=PRINT, listening=LISTENING[:1], media=media, seen=dict(seen))  # type: ignore[arg-type]


def test_the_offer_is_the_profile_and_nothing_else() -> None:
    lines = offered().splitlines()
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 4711 UDP/TLS/RTP/SAVPF 111",
        "m=video 4711 UDP/TLS/RTP/SAVPF 96",
    ]
    assert lines.count("a=candidate:overlay 1 udp 2130706431 127.0.0.1 4711 typ host") == 2
    assert "a=rtpmap:111 opus/48000/2" in lines
    assert "a=rtpmap:96 VP8/90000" in lines
    assert "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid" in lines
    assert [line for line in lines if "ssrc" in line] == []
    assert not any("rtx" in line for line in lines)


def test_of_several_ports_the_first_is_the_best() -> None:
    sdp = offer(ice=ICE, fingerprint=PRINT, listening=LISTENING, media=Media.AUDIO, seen={})
    assert [line for line in sdp.splitlines() if "4711" in line or "4712" in line] == [
        "m=audio 4711 UDP/TLS/RTP/SAVPF 111",
        "a=candidate:overlay 1 udp 2130706431 127.0.0.1 4711 typ host",
        "a=candidate:overlay1 1 udp 2130706175 192.0.2.7 4712 typ host",
    ]


def test_a_late_page_is_told_what_is_sent_already() -> None:
    audio, video = offered(audio=17, video=4_294_967_295).split("m=video")
    assert "a=ssrc:17 cname:call" in audio
    assert "a=ssrc:4294967295 cname:call" in video


def test_what_the_other_side_of_the_call_cannot_is_not_offered() -> None:
    variant = Variant(video=VideoCodec.H264, transport_cc=frozenset({"audio"}))
    text = offer(ice=ICE, fingerprint=PRINT, listening=LISTENING, media=Media.BOTH, variant=variant, seen={})
    sound, picture = text.split("m=audio")[1].split("m=video")
    assert "a=rtcp-fb:111 transport-cc" in sound
    assert "transport" not in picture
    assert "a=rtcp-fb:96 goog-remb" in picture, "which the browser goes by instead"
    assert "a=rtpmap:96 H264/90000" in picture
    assert "packetization-mode=1" in picture
    assert "VP8" not in text


def test_an_audio_call_offers_no_picture() -> None:
    sdp = offered(Media.AUDIO)
    assert "m=video" not in sdp
    assert "a=group:BUNDLE 0\r\n" in sdp


async def test_another_implementation_reads_the_offer_and_we_read_its_answer() -> None:
    connection = RTCPeerConnection()
    try:
        await connection.setRemoteDescription(RTCSessionDescription(offered(), "offer"))
        assert [each.kind for each in connection.getTransceivers()] == ["audio", "video"]
        await connection.setLocalDescription(await connection.createAnswer())
        answer = read_answer(connection.localDescription.sdp, Media.BOTH)
        assert answer.client
        assert len(answer.ice.password) >= 22
    finally:
        await connection.close()


def test_a_browsers_answer_is_read_without_its_candidates() -> None:
    answer = read_answer(CHROMIUM, Media.BOTH)
    assert answer.ice == IceCredentials("jkqA", "OLvT1MQpWdLCMeTTwB4Tm612")
    assert answer.fingerprint.sha256.hex().upper().startswith("EDD3B6AB")
    assert answer.client
    assert "192.168" not in repr(answer)
    assert ".local" not in repr(answer)


def test_firefoxs_answer_is_read() -> None:
    answer = read_answer(FIREFOX, Media.AUDIO)
    assert answer.ice == IceCredentials("0fb498ee", "c8fb1d8756a69ef6d45722a672d39181")
    assert answer.fingerprint.sha256.hex().startswith("2921d39f")
    assert answer.client
    assert ".local" not in repr(answer)


def test_line_ends_of_both_kinds_are_read() -> None:
    assert read_answer(CHROMIUM.replace("\r\n", "\n"), Media.BOTH) == read_answer(CHROMIUM, Media.BOTH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=mid:0", "a=mid:1"),
        ("a=mid:0", "a=mid:9"),
        ("m=audio 9", "m=video 9"),
        ("m=audio 9", "m=audio 0"),
        ("m=video 9", "m=video 0"),
        ("SAVPF 111", "SAVPF 9"),
        ("SAVPF 96", "SAVPF 97"),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m="),
        ("a=ice-ufrag:jkqA", "a=ice-ufrag:j"),
        ("a=ice-ufrag:jkqA", "a=ice-ufrag:jkqA:b"),
        ("a=ice-ufrag:jkqA", f"a=ice-ufrag:{'j' * 257}"),
        ("a=ice-ufrag:jkqA\r\n", ""),
        ("a=ice-pwd:OLvT1MQpWdLCMeTTwB4Tm612", "a=ice-pwd:short"),
        ("a=ice-pwd:OLvT1MQpWdLCMeTTwB4Tm612", "a=ice-pwd:" + "ä" * 24),
        ("a=fingerprint:sha-256 ED:D3", "a=fingerprint:sha-1 ED:D3"),
        ("a=fingerprint:sha-256 ED:D3", "a=fingerprint:sha-256 ED"),
        ("a=fingerprint:sha-256 ED:D3", "a=fingerprint:sha-256 GG:D3"),
        ("a=fingerprint:sha-256 ED:D3", "a=fingerprint:sha-256 ED:D3:00"),
        ("a=fingerprint:sha-256 ED:D3", "a=fingerprint:sha-256"),
        ("a=setup:active", "a=setup:actpass"),
        ("a=setup:active", "a=setup:holdconn"),
        ("a=setup:active\r\n", ""),
    ],
)
def test_an_answer_that_cant_be_used_is_refused(old: str, new: str) -> None:
    assert old in CHROMIUM
    with pytest.raises(HandsetError):
        read_answer(CHROMIUM.replace(old, new), Media.BOTH)


@pytest.mark.parametrize(
    "sdp", ["", "v=0", "m=audio", "m=", "\0", "a=" * 10_000, CHROMIUM * 30, "m=a 1 b c\r\n" * 2_000]
)
def test_what_is_no_answer_is_refused(sdp: str) -> None:
    with pytest.raises(HandsetError):
        read_answer(sdp, Media.BOTH)


@given(st.text())
def test_any_text_is_refused_with_the_one_error(sdp: str) -> None:
    with pytest.raises(HandsetError):
        read_answer(sdp, Media.BOTH)


@given(st.integers(0, len(CHROMIUM)), st.integers(0, 40), st.text(max_size=40))
def test_a_changed_answer_is_read_or_refused(at: int, length: int, text: str) -> None:
    with contextlib.suppress(HandsetError):
        read_answer(CHROMIUM[:at] + text + CHROMIUM[at + length :], Media.BOTH)
