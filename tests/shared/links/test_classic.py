"""Links of the original web app, and pasted offers: read strictly, within bounds, or refused with one error."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import re
import time
import tracemalloc
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadDescription
from shared.links.classic import (
    MAX_JSON,
    MAX_LINK,
    ClassicCandidate,
    ClassicRequest,
    ClassicResponse,
    decode_classic,
    find_classic,
)
from shared.links.pasted import looks_pasted, read_pasted
from shared.node_id import NodeId

OFFER = (Path(__file__).parents[2] / "vectors" / "sdp" / "firefox-offer.sdp").read_bytes().decode()

ANNA, BOB = NodeId(bytes(range(32))), NodeId(bytes(32))
PAGE = "https://copybara.example/call"

REQUEST: dict[str, Any] = {
    "offer": {"type": "offer", "sdp": OFFER},
    "candidates": [
        {
            "candidate": "candidate:0 1 UDP 2122252543 10.83.0.1 41234 typ host",
            "sdpMid": "0",
            "sdpMLineIndex": 0,
            "usernameFragment": "1ad1f3f2",
        }
    ],
    "sourceNodeId": str(ANNA),
    "destinationNodeId": str(BOB),
    "sourceIp": "10.83.0.1",
}

RESPONSE: dict[str, Any] = {
    "answer": {"type": "answer", "sdp": OFFER.replace("actpass", "active")},
    "candidates": [],
    "destinationIp": "10.83.0.9",
}


def link_of(content: bytes, page: str = PAGE) -> str:
    """A link as the page itself writes it, by the description of the format."""
    return f"{page}?{quote(base64.b64encode(gzip.compress(content)).decode(), safe='')}"


def link(values: dict[str, Any], page: str = PAGE) -> str:
    return link_of(json.dumps(values).encode(), page)


def test_a_request_is_read() -> None:
    request = decode_classic(link(REQUEST))
    assert isinstance(request, ClassicRequest)
    assert (request.page, request.sdp) == (PAGE, OFFER)
    assert (request.source, request.destination) == (ANNA, BOB)
    assert request.source_address == ip_address("10.83.0.1")
    assert request.candidates[0].sdp_m_line_index == 0


def test_a_response_is_read() -> None:
    response = decode_classic(link(RESPONSE))
    assert isinstance(response, ClassicResponse)
    assert (response.page, response.candidates) == (PAGE, ())
    assert response.destination_address == ip_address("10.83.0.9")


@pytest.mark.parametrize("values", [REQUEST, RESPONSE])
def test_what_we_write_holds_exactly_the_same_fields(values: dict[str, Any]) -> None:
    query = decode_classic(link(values)).encode().partition("?")[2]
    written = json.loads(gzip.decompress(base64.b64decode(unquote(query))))
    assert written == values
    assert list(written) == list(values)


@pytest.mark.parametrize("page", [
    "https://copybara.staex.io/", "http://localhost:5173/", "http://127.0.0.1:8080/a/b.html", "file:///home/a/x.html",
    "https://[2001:db8::1]:8443/", "HTTPS://COPYBARA.EXAMPLE/",
])  # fmt: skip
def test_any_page_is_taken_and_its_link_found_in_a_message(page: str) -> None:
    made = link(REQUEST, page)
    assert decode_classic(made).page == page
    text = f"(hi, tap {made} please — or https://example.org/?q=H4s3, thanks)"
    assert find_classic(text) == [made]
    assert find_classic(f"<{made}>, {made}") == [made]


@pytest.mark.parametrize("page", ["javascript:alert(1)//", "javascript://x/", "data:text/html,", "copybara:", "x"])
def test_what_is_no_page_is_no_link(page: str) -> None:
    with pytest.raises(BadDescription):
        decode_classic(link(REQUEST, page))


def test_base64_may_stand_there_with_and_without_escapes() -> None:
    packed = base64.b64encode(gzip.compress(json.dumps(REQUEST).encode())).decode()
    everything = "".join(f"%{ord(character):02x}" for character in packed)
    for query in (packed, quote(packed, safe=""), quote(packed, safe="/"), everything):
        assert isinstance(decode_classic(f"{PAGE}?{query}"), ClassicRequest)
        assert isinstance(decode_classic(f"{PAGE}?{query}#part"), ClassicRequest)
        assert find_classic(f"{PAGE}?{query}") == [f"{PAGE}?{query}"]


@pytest.mark.parametrize("around", [
    "{}", "{}.", "({})", "<{}>", "{}!", "{},", "**{}**", "_{}_", "`{}`", "{}#part", "{}&more", "see:{}", "{}\n{}",
    "«{}»",
])  # fmt: skip
@pytest.mark.parametrize("page", [PAGE, "https://copybara.example/"])
def test_a_link_is_found_whatever_stands_around_it(around: str, page: str) -> None:
    made = link(REQUEST, page)
    assert [decode_classic(found).page for found in find_classic(around.replace("{}", made))] == [page]


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in REQUEST.items() if name != key}


@pytest.mark.parametrize("values", [
    *(_without(key) for key in REQUEST),
    {**REQUEST, **RESPONSE},
    {**REQUEST, "offer": REQUEST["offer"]["sdp"]},
    {**REQUEST, "offer": {"type": "answer", "sdp": OFFER}},
    {**REQUEST, "offer": {"type": "offer"}},
    {**REQUEST, "offer": {"type": "offer", "sdp": 7}},
    {**REQUEST, "offer": {"type": "offer", "sdp": [OFFER]}},
    {**REQUEST, "offer": {"type": "offer", "sdp": "x" * 70_000}},
    {**REQUEST, "offer": {"type": "offer", "sdp": "\ud800"}},
    {**REQUEST, "candidates": {}},
    {**REQUEST, "candidates": ["candidate:0 1 UDP 1 10.83.0.1 1 typ host"]},
    {**REQUEST, "candidates": [{"sdpMid": "0"}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": "0"}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": -1}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": 1.5}]},
    {**REQUEST, "candidates": [{"candidate": "x" * 2_000}]},
    {**REQUEST, "candidates": REQUEST["candidates"] * 257},
    {**REQUEST, "sourceNodeId": "anna"},
    {**REQUEST, "sourceNodeId": str(ANNA).upper()},
    {**REQUEST, "sourceNodeId": None},
    {**REQUEST, "sourceIp": "10.83.0.1.local"},
    {**REQUEST, "sourceIp": "10.83.0.1 "},
    {**REQUEST, "sourceIp": ""},
    {**REQUEST, "sourceIp": "fe80::1%eth0"},
    {**REQUEST, "sourceIp": 10},
    {**RESPONSE, "destinationIp": None},
    {**REQUEST, "sourceIp": "::ffff:10.83.0.1/96"},
    {**REQUEST, "sourceIp": "010.83.0.1"},
    {**REQUEST, "sourceIp": "\ud800"},
    {**REQUEST, "sourceIp": "1" * 2_000},
    {**REQUEST, "sourceNodeId": "\udfff" * 52},
    {**REQUEST, "sourceNodeId": str(ANNA)[:-1]},
    {**REQUEST, "sourceNodeId": [str(ANNA)]},
    {**REQUEST, "offer": None},
    {**REQUEST, "offer": True},
    {**REQUEST, "offer": {"type": "Offer", "sdp": OFFER}},
    {**REQUEST, "offer": {"type": ["offer"], "sdp": OFFER}},
    {**REQUEST, "offer": {"type": "rollback", "sdp": ""}},
    {**REQUEST, "candidates": None},
    {**REQUEST, "candidates": [None]},
    {**REQUEST, "candidates": [[]]},
    {**REQUEST, "candidates": [{"candidate": None}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMid": 0}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": True}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": 2**64}]},
    {**REQUEST, "candidates": [{"candidate": "", "sdpMLineIndex": 10**400}]},
    {**REQUEST, "candidates": [{"candidate": "", "usernameFragment": ["x"]}]},
    {},
])  # fmt: skip
def test_a_wrong_part_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadDescription):
        decode_classic(link(values))


@pytest.mark.parametrize("text", [
    b"", b"null", b"[]", b'"offer"', b"{", b"7", b"NaN", b'{"offer": NaN}', b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}{}",
    b"[" * 100_000, b'{"a":' * 100_000, b'{"candidates":' + b"[" * 9 + b"]" * 9 + b"}",
    b'{"sourceIp":' + b"9" * 50_000 + b"}",
    b'{"offer": Infinity}', b'{"offer": -Infinity}', b'{"offer": 1e999}', b'{"offer": -1E400}',
    b'{"offer": 1' + b"0" * 4_000 + b"}",
    b'{"offer": "\\ud800"}', b'{"\\udfff": 1}', b'{"offer": "\xed\xa0\x80"}', b'{"offer": "\x00"}', b"{'offer': 1}",
    b'{"offer": {},}', b'{"offer": undefined}', b"/**/{}", b"\x00{}", b"{}\x00", b'{"__proto__": {}}', b'{"a"}',
])  # fmt: skip
def test_what_is_no_object_or_nested_deep_is_refused(text: bytes) -> None:
    with pytest.raises(BadDescription):
        decode_classic(link_of(text))


@pytest.mark.parametrize(("once", "twice"), [
    ('"sourceIp": "10.83.0.1"', '"sourceIp": "10.83.0.2", "sourceIp": "10.83.0.1"'),
    ('"type": "offer"', '"type": "offer", "type": "offer"'),
    ('"sdpMid": "0"', '"sdpMid": "1", "sdp\\u004did": "0"'),
    ('"sourceIp": "10.83.0.1"', '"sourceIp": "10.83.0.1", "more": {"a": 1, "a": 2}'),
])  # fmt: skip
def test_a_key_that_stands_there_twice_is_refused_at_any_depth(once: str, twice: str) -> None:
    text = json.dumps(REQUEST)
    assert once in text
    with pytest.raises(BadDescription):
        decode_classic(link_of(text.replace(once, twice).encode()))


def test_brackets_in_strings_are_no_nesting() -> None:
    request = decode_classic(link({**REQUEST, "offer": {"type": "offer", "sdp": '[{"\\' * 2_000}}))
    assert isinstance(request, ClassicRequest)


@pytest.mark.parametrize("query", [
    "H4sI", "H4sI====", "H4sI%", "H4sI%4", "H4sI%zz", "%FF%FE", "AAAA", "H4sIAAAAAAAA_w", "H4sIAAAAAAAA-w==", "=",
    "%00",
])  # fmt: skip
def test_a_damaged_query_is_refused(query: str) -> None:
    with pytest.raises(BadDescription):
        decode_classic(f"{PAGE}?{query}")


def test_bombs_cost_little_memory_and_time() -> None:
    def packed(raw: bytes) -> str:
        return f"{PAGE}?{quote(base64.b64encode(raw).decode(), safe='')}"

    content = json.dumps(REQUEST).encode()
    bombs = [
        packed(gzip.compress(b"0" * 25_000_000)),
        packed(gzip.compress(b'{"offer":"' + b"x" * 20_000_000 + b'"}')),
        packed(gzip.compress(content) + gzip.compress(content)),
        packed(gzip.compress(content) + b"\0"),
        packed(gzip.compress(content)[:-1]),
        packed(gzip.compress(content)[:-8] + bytes(8)),
        packed(gzip.compress(gzip.compress(content))),
        packed(gzip.compress(content + b" " * MAX_JSON)),
        "https://a/?" + "H4sI" + "A" * 10_000_000,
        "https://a/?H4sI" + "%41" * MAX_LINK,
        PAGE + "/" * 10_000_000 + "?H4sI",
        "?" * 10_000_000,
    ]
    tracemalloc.start()
    began = time.monotonic()
    for bomb in bombs:
        with pytest.raises(BadDescription):
            decode_classic(bomb)
        find_classic(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert time.monotonic() - began < 20.0


def test_a_long_page_is_refused() -> None:
    with pytest.raises(BadDescription):
        decode_classic(link(REQUEST, "https://a/" + "b" * 600))


def test_thousands_of_damaged_links_end_in_the_one_error() -> None:
    chance = random.Random("links")
    original = link(REQUEST)
    text = json.dumps(REQUEST)
    for _ in range(3_000):
        at = chance.randrange(len(original))
        damaged = original[:at] + chr(chance.randrange(33, 127)) + original[at + chance.randrange(3) :]
        where = chance.randrange(len(text))
        changed = text[:where] + chance.choice('{}[]",:\\0 ') + text[where + chance.randrange(3) :]
        for made in (damaged, link_of(changed.encode())):
            with contextlib.suppress(BadDescription):
                assert isinstance(decode_classic(made), ClassicRequest)


@given(st.text(max_size=300))
def test_any_text_is_searched(text: str) -> None:
    assert find_classic(text + " " + link(RESPONSE)) or re.search(r"\S$", text)
    looks_pasted(text)
    for read in (decode_classic, read_pasted):
        with contextlib.suppress(BadDescription):
            read(text)


@given(st.binary(max_size=300))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(BadDescription):
        decode_classic(link_of(content))


def test_sdp_is_read_bare_and_as_json() -> None:
    answer = OFFER.replace("actpass", "active")
    assert (read_pasted(OFFER).type, read_pasted(answer).type) == ("offer", "answer")
    assert read_pasted(f"\n  {OFFER}\n").sdp.startswith("v=0")
    assert read_pasted(json.dumps({"type": "answer", "sdp": answer}, indent=2)).sdp == answer
    for text in (OFFER, json.dumps({"sdp": OFFER, "type": "offer"}), f"  {OFFER}", f"\ufeff{OFFER}"):
        assert looks_pasted(text)
        assert read_pasted(text).type == "offer"
    for end in ("\n", "\r", "\r\n  "):
        assert read_pasted(answer.replace("\r\n", end)).type == "answer"
        assert read_pasted(OFFER.replace("\r\n", end)).type == "offer"


def test_what_bare_sdp_is_may_be_said() -> None:
    begins = OFFER.replace("actpass", "active")
    assert read_pasted(begins, "offer").type == "offer"
    assert read_pasted(begins, "answer").type == "answer"
    assert read_pasted(json.dumps({"type": "offer", "sdp": begins}), "offer").type == "offer"
    with pytest.raises(BadDescription, match="an answer is needed"):
        read_pasted(json.dumps({"type": "offer", "sdp": begins}), "answer")


def test_what_is_something_else_is_not_taken_for_a_description() -> None:
    assert not any(map(looks_pasted, ("hello", "{}", "v=0", 'see {"type"', "/call v=0\n")))


@pytest.mark.parametrize("text", [
    "", "v=0", "{}", '{"type": "offer"}', '{"type": "pranswer", "sdp": "v=0"}',
    '{"type": "offer", "type": "offer", "sdp": ""}',
    '{"type": "offer", "sdp": "\\ud800"}', '{"type": ["offer"], "sdp": ""}', "{" * 100_000, "v=0\n" * 10_000_000,
])  # fmt: skip
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(BadDescription):
        read_pasted(text)


def test_our_own_links_are_shorter_than_half_of_a_browsers() -> None:
    request = ClassicRequest(PAGE, OFFER, (ClassicCandidate(candidate="x"),), ANNA, BOB, ip_address("10.83.0.1"))
    assert len(request.encode()) < MAX_LINK
