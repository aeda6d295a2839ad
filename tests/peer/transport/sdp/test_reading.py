"""Descriptions of other programs: what is read, what is dropped, and what is refused."""

from __future__ import annotations

import random
import time
import tracemalloc
from ipaddress import ip_address

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import MAX_PORTS, parse_candidate, ports_at
from peer.transport.sdp.negotiation import accept_offer
from peer.transport.sdp.reading import MAX_SDP, read_description
from peer.transport.sdp.writing import write_answer
from shared.errors import BadDescription
from shared.media import Media
from tests.peer.transport.sdp.descriptions import (
    NAMES,
    OVERLAY,
    PORTS,
    offer,
    own_side,
    sixty_candidates,
    with_candidates,
)
from tests.peer.transport.sdp.mutations import mutated

BOTH_CODECS = frozenset(VideoCodec)

MUTATIONS = 1_000
"The number of mutations of each recorded offer."


def test_of_sixty_candidates_only_those_of_the_other_node_survive() -> None:
    candidates = sixty_candidates()
    assert len(candidates) == 60
    description = read_description(with_candidates(offer("firefox-offer"), candidates))
    assert sorted(ports_at(description.candidates, OVERLAY)) == sorted(PORTS)
    assert ports_at(description.candidates, ip_address("10.83.0.10")) == (40_000, 40_013)


@pytest.mark.parametrize("asked", ["10.83.0.1", "::ffff:10.83.0.1", "::ffff:a53:1"])
def test_mapped_addresses_are_the_address_that_they_map(asked: str) -> None:
    parsed = [parse_candidate(line) for line in sixty_candidates()]
    assert ports_at([each for each in parsed if each], ip_address(asked)) == PORTS


@pytest.mark.parametrize("written", ["200:0:0:0:0:0:0:1", "0200::1", "200::0.0.0.1"])
def test_an_ipv6_address_is_the_same_however_it_is_written(written: str) -> None:
    candidate = parse_candidate(f"a=candidate:1 1 udp 1 {written} 5 typ host generation 0")
    assert candidate is not None
    assert ports_at([candidate], ip_address("200::1")) == (5,)


def test_ports_are_few() -> None:
    lines = [parse_candidate(f"candidate:1 1 udp 1 {OVERLAY} {port} typ host") for port in range(1, 200)]
    assert len(ports_at([line for line in lines if line], OVERLAY)) == MAX_PORTS


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_offer_is_read_as_aiortc_reads_it(name: str) -> None:
    ours, theirs = read_description(offer(name)), SessionDescription.parse(offer(name))
    assert [section.mid for section in ours.sections] == [media.rtp.muxId for media in theirs.media]
    for section, media in zip(ours.sections, theirs.media, strict=True):
        assert section.kind == media.kind
        assert section.ice is not None
        assert media.ice is not None
        assert (section.ice.username, section.ice.password) == (media.ice.usernameFragment, media.ice.password)
        assert section.fingerprint is not None
        assert media.dtls is not None
        pins = {each.algorithm: each.value for each in media.dtls.fingerprints}
        assert section.fingerprint.sha256.hex(":").upper() == pins["sha-256"]
        named = {codec.payloadType: codec.name.upper() for codec in media.rtp.codecs}
        for number, codec in section.codecs.items():
            assert named[number] == codec.name


@pytest.mark.parametrize("name", NAMES)
def test_our_answer_holds_no_address_but_the_overlays(name: str) -> None:
    hostile = with_candidates(offer(name), sixty_candidates()).replace("0.0.0.0", "203.0.113.77")
    description = read_description(hostile)
    answer = write_answer(own_side("10.83.0.7"), description, accept_offer(description, Media.BOTH, BOTH_CODECS))
    found = {word for line in answer.splitlines() if line[:2] in ("c=", "o=") for word in line.split()[-1:]}
    assert found <= {"10.83.0.7", "0.0.0.0"}
    for foreign in ("203.0.113", "10.83.0.1 ", "198.51", ".local", "fd00", "2001:db8"):
        assert foreign not in answer
    assert answer.count("a=candidate:") == answer.count("10.83.0.7 40404 typ host") > 0


def test_bounds_are_checked_before_anything_is_parsed() -> None:
    good = offer("firefox-offer")
    began = time.process_time()
    for bomb in (
        good + "a=" + "x" * 10_000_000,
        good + "a=x\r\n" * 2_000_000,
        good + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:9\r\n" * 17,
        good + "a=candidate:1 1 udp 1 10.83.0.1 1 typ host\r\n" * 257,
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF" + " 1" * 100_000,
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF" + " 1" * 65 + "\r\na=mid:0\r\n",
        "v=0\r\n" * 3_000,
        "",
        "v=0",
    ):
        with pytest.raises(BadDescription):
            read_description(bomb)
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a=ice-pwd:44159564e974788c91d0561890ca7138", "a=ice-pwd:short"),
        ("a=ice-ufrag:1ad1f3f2", "a=ice-ufrag:1a-_"),
        ("a=fingerprint:sha-256 40:0A", "a=fingerprint:sha-256 4:0A"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("a=mid:1", "a=mid:0"),
        ("a=mid:1", "a=mid:203.0.113.1"),
        ("a=rtcp-mux", "a=nothing"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("v=0", "v=1"),
        ("s=-", "\x00"),
        ("s=-", "s=" + "x" * 3_000),
        ("m=video 9", "m=video 99999999"),
    ],
)
def test_an_offer_with_a_fault_is_refused_in_one_sentence(before: str, after: str) -> None:
    with pytest.raises(BadDescription) as refused:
        accept_offer(read_description(offer("firefox-offer").replace(before, after)), Media.BOTH, BOTH_CODECS)
    assert refused.value.sentence
    assert "203" not in refused.value.sentence


@pytest.mark.parametrize("name", NAMES)
def test_thousands_of_mutated_offers_end_in_an_answer_or_in_the_one_error(name: str) -> None:
    chance = random.Random(name)
    original = with_candidates(offer(name), sixty_candidates())
    answered = refused = 0
    for _ in range(MUTATIONS):
        changed = mutated(original, chance)
        try:
            description = read_description(changed)
            answer = write_answer(own_side(), description, accept_offer(description, Media.BOTH, BOTH_CODECS))
        except BadDescription:
            refused += 1
        else:
            answered += 1
            assert "203.0.113" not in answer
            again = read_description(answer)
            assert [section.mid for section in again.sections] == [section.mid for section in description.sections]
            assert len(ports_at(description.candidates, OVERLAY)) <= MAX_PORTS
    assert answered > MUTATIONS // 10
    assert refused > MUTATIONS // 10


@given(st.text(max_size=400), st.integers(0, 3_000))
def test_any_text_anywhere_ends_in_an_answer_or_in_the_one_error(text: str, at: int) -> None:
    original = offer("firefox-offer")
    for sdp in (text, "v=0\r\n" + text, original[:at] + text + original[at:]):
        try:
            description = read_description(sdp)
            write_answer(own_side(), description, accept_offer(description, Media.BOTH, BOTH_CODECS))
        except BadDescription:
            pass


def test_the_largest_description_costs_little_memory_and_time() -> None:
    lines = ["v=0", "a=group:BUNDLE 0"]
    formats = " ".join(str(number) for number in range(64, 128))
    lines += [f"m=video 9 UDP/TLS/RTP/SAVPF {formats}", "a=mid:0"]
    while len(lines) < 1_990 and sum(map(len, lines)) < MAX_SDP - 5_000:
        lines.append(f"a=fmtp:{64 + len(lines) % 64} " + ";".join(f"a{n}=b" for n in range(5)))
    tracemalloc.start()
    began = time.process_time()
    read_description("\r\n".join(lines))
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
    assert seconds < 5.0
