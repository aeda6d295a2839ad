from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LocalProtocolError
from shared.links.kinds import Found, Link, PairedToken, as_copybara, as_telegram, find
from shared.links.tokens import to_text
from tests.link_forms import as_handset
from tests.shared.links.link_values import CARD, LINKS, PAIRED, REQUEST, links, near_tokens

TOKEN = PAIRED.token
every_kind = pytest.mark.parametrize(
    "token", [link.token for link in LINKS], ids=[type(link).__name__ for link in LINKS]
)


def numbered_token(number: int) -> str:
    return PairedToken(b"\x13" + number.to_bytes(47, "big")).token


@every_kind
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("Call me: ", "."),
        ("(", ")"),
        ("«", "»"),
        ("привет", "привет"),
        ("line\n", "\nline"),
        ("\u200f", "😀"),
    ],
)
def test_a_token_alone_is_found_in_any_sentence(token: str, before: str, after: str) -> None:
    assert find(before + token + after) == [Found(token, False, len(before), len(before) + len(token))]


@pytest.mark.parametrize(
    "link",
    [
        as_copybara(TOKEN),
        as_handset(TOKEN, 8080),
        as_telegram(TOKEN, "anna_bot"),
        f"Copybara:{TOKEN}",
        f"http://anna.localhost:80/#{TOKEN}",
        f"HTTP://127.0.0.1:65535/#{TOKEN}",
        f"http://t.me/anna_bot?start={TOKEN}",
        f"t.me/anna_bot?start={TOKEN}",
    ],
)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("Here (", "), please."), ("это:", "\nbye")])
def test_a_token_is_found_in_every_url_form(link: str, before: str, after: str) -> None:
    assert find(before + link + after) == [Found(TOKEN, True, len(before), len(before) + len(link))]


@every_kind
def test_every_kind_fits_the_copybara_and_the_handset_form(token: str) -> None:
    assert [found.token for found in find(as_copybara(token))] == [token]
    assert [found.token for found in find(as_handset(token, 1))] == [token]


def test_a_telegram_start_link_takes_no_more_than_telegram_does() -> None:
    assert len(TOKEN) == 64
    with pytest.raises(LocalProtocolError):
        as_telegram(REQUEST.token, "anna_bot")


@pytest.mark.parametrize(
    "link", [f"https://example.com/{TOKEN}", f"tg://resolve?domain=anna_bot&start={TOKEN}", f"http://[::1]:1/#{TOKEN}"]
)
def test_a_good_token_in_another_url_is_found_as_one_alone(link: str) -> None:
    assert [(found.token, found.prefixed) for found in find(link)] == [(TOKEN, False)]


@pytest.mark.parametrize("broken", [TOKEN[:-1], TOKEN + "A", "x", "A" * 256])
def test_a_broken_token_is_found_where_it_was_meant_as_a_link(broken: str) -> None:
    assert find(f"look: copybara:{broken} !")[0].token == broken
    assert find(f" {broken}\n") == [Found(broken, False, 1, 1 + len(broken))]
    assert find(f"look: {broken} !") == []


@pytest.mark.parametrize("before", ["", "copybara:"])
def test_a_run_longer_than_any_link_is_not_found(before: str) -> None:
    assert find(before + "E" * 257) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Shall we talk at eight?",
        "copybara: I like them",
        "see http://127.0.0.1:8080/# and https://t.me/anna_bot?start= there",
        "my node is h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g",
        "commit 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ],
)
def test_ordinary_text_holds_no_links(text: str) -> None:
    assert find(text) == []


def test_a_token_of_another_version_is_found_only_where_it_was_meant_as_a_link() -> None:
    newer = to_text(b"\x23" + bytes(47))
    assert find(f"see {newer} there") == []
    assert [found.token for found in find(f"see copybara:{newer} there")] == [newer]


def test_links_are_given_in_the_order_of_the_text() -> None:
    tokens = [link.token for link in LINKS]
    assert [found.token for found in find(" and ".join(tokens))] == tokens


def test_a_token_that_is_written_twice_is_found_once() -> None:
    text = f"{as_telegram(TOKEN, 'anna_bot')} or {as_copybara(TOKEN)} or {TOKEN}"
    assert [found.start for found in find(text)] == [0]


def test_only_the_first_64_links_of_a_message_are_looked_at() -> None:
    tokens = [numbered_token(number) for number in range(100)]
    assert [found.token for found in find(" ".join(tokens))] == tokens[:64]


def test_the_end_of_a_very_long_message_is_not_looked_at() -> None:
    assert find("." * (4 * 4096 - len(TOKEN) + 1) + TOKEN) == []
    assert len(find("." * (4 * 4096 - len(TOKEN)) + TOKEN)) == 1


@given(st.lists(st.one_of(near_tokens, links.map(lambda link: as_copybara(link.token)))).map(" ".join))
def test_what_is_found_is_in_the_text(text: str) -> None:
    end = 0
    for found in find(text):
        assert end <= found.start < found.end
        assert text[found.start : found.end].endswith(found.token)
        assert (found.end - found.start > len(found.token)) == found.prefixed
        end = found.end


@given(links, st.text(), st.text())
def test_a_link_is_found_whatever_surrounds_it(link: Link, before: str, after: str) -> None:
    assert link.token in [found.token for found in find(f"{before} {as_copybara(link.token)} {after}")]


def calls_made(text: str) -> int:
    """How many function calls, in Python and in C, searching a text takes."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        find(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("candidate", ["E", "EA", "EA" + "E" * 62, "copybara:", "http://", "t.me/", "=", "copybara:E"])
def test_the_work_grows_with_the_text_and_not_faster(candidate: str) -> None:
    short, long = (calls_made(f"{candidate} " * count) for count in (50, 200))
    assert long <= 4 * short


def test_a_long_message_of_60_candidates_takes_little_work() -> None:
    text = " ".join([numbered_token(number) for number in range(60)]).ljust(4096, "=")
    assert len(text) == 4096
    assert len(find(text)) == 60
    assert calls_made(text) < 60 * 40


@pytest.mark.parametrize(
    "piece",
    [
        "E ",
        "E",
        "http://",
        "http://" + "a" * 63,
        "http://" + "a" * 63 + ".localhost:1/",
        "https://t.me/" + "a" * 32 + "?start",
        "t.me/",
        "copybara:",
        "copybara:E ",
        CARD.token + ".",
        "=",
        " ",
        "\ud800",
    ],
)
def test_no_text_keeps_the_reader_busy(piece: str) -> None:
    started = time.process_time()
    find(piece * (4 * 4096 // len(piece)))
    assert time.process_time() - started < 1
