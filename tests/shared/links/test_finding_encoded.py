"""A link is found wherever a person would see one, however it was packed on its way."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from shared.errors import NodeIdError
from shared.links.damage import damage
from shared.links.kinds import Link, as_copybara, as_handset, as_telegram, find
from shared.links.node_ids import node_in
from shared.node_id import NodeId
from tests.shared.links.link_values import CARD, LINKS, PAIRED, REQUEST, SEALED

TOKEN = PAIRED.token
NODE = NodeId(bytes(range(32)))
START = as_telegram(TOKEN, "anna_bot")

every_link = pytest.mark.parametrize("link", LINKS, ids=[type(link).__name__ for link in LINKS])


def encoded(text: str, times: int = 1) -> str:
    return text if not times else encoded(quote(text, safe=""), times - 1)


def urldefense_2(url: str) -> str:
    escaped = encoded(url).replace("-", "%2D").replace("_", "%5F")
    return f"https://urldefense.proofpoint.com/v2/url?u={escaped.replace('%2F', '_').replace('%', '-')}&d=DwMFaQ&c=x"


def tokens(text: str) -> list[str]:
    return [found.token for found in find(text)]


@every_link
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_link_is_found_percent_encoded_in_another_address(link: Link, times: int) -> None:
    for form in (as_copybara(link.token), as_handset(link.token, 8765)):
        text = f"https://t.me/share/url?url={encoded(form, times)}&text=hello"
        [found] = find(text)
        assert (found.token, found.prefixed) == (link.token, True)
        assert text[found.start : found.end] == encoded(form, times)


@pytest.mark.parametrize(
    "text",
    [
        f"https://t.me/anna?text={encoded('Call me: ' + as_copybara(TOKEN) + ' please')}",
        f"https://eur01.safelinks.protection.outlook.com/?url={encoded(START)}&data=05%7C01%7C%7Cab&reserved=0",
        f"https://www.google.com/url?q=https://t.me/anna_bot?start%3D{TOKEN}&sa=D",
        f"https://urldefense.com/v3/__{START}__;!!abc!xyz$",
        urldefense_2(START),
        "https://x.example/?u=" + "".join(f"%{byte:02x}" for byte in as_copybara(TOKEN).encode()),
        "https://x.example/?u=" + as_copybara(TOKEN).replace("-", "%2D").replace("_", "%5f"),
    ],
    ids=["draft", "safelinks", "google", "urldefense 3", "urldefense 2", "every byte", "dashes"],
)
def test_a_link_is_found_behind_redirectors_and_mail_scanners(text: str) -> None:
    assert tokens(text) == [TOKEN]


@every_link
@pytest.mark.parametrize(
    "around",
    [
        "_{}_",
        "__{}__",
        "*{}*",
        "**{}**",
        "~~{}~~",
        "||{}||",
        "`{}`",
        "<{}>",
        '"{}"',
        "“{}”",
        "[call]({})",
        "({}).",
        "_{}",
    ],
)
@pytest.mark.parametrize("prefix", ["", "copybara:"])
def test_marks_around_a_link_arent_a_part_of_it(link: Link, around: str, prefix: str) -> None:
    text = f"so: {around.replace('{}', prefix + link.token)} ok"
    [found] = find(text)
    assert found.token == link.token
    assert text[found.start : found.end] == prefix + link.token


@pytest.mark.parametrize("link", [REQUEST, SEALED, CARD], ids=["request", "sealed", "card"])
@pytest.mark.parametrize("width", [64, 72, 76])
@pytest.mark.parametrize("wrap", ["\n", "\r\n", " \n", "\n> ", "\n>> ", "\n  "])
def test_a_link_that_mail_has_wrapped_is_one(link: Link, width: int, wrap: str) -> None:
    whole = as_copybara(link.token)
    wrapped = wrap.join(whole[start : start + width] for start in range(0, len(whole), width))
    assert tokens(f"call me:\n{wrapped}\nbye") == [link.token]


def test_a_link_in_quoted_printable_is_found() -> None:
    line = f"Please: {as_telegram(TOKEN, 'anna_bot')}".replace("=", "=3D")
    assert tokens(f"{line[:75]}=\r\n{line[75:]}") == [TOKEN]


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "\u2060", "\ufeff"])
def test_marks_that_nobody_sees_dont_break_a_link(mark: str) -> None:
    assert tokens(f"so {TOKEN[:20]}{mark}{TOKEN[20:]} ok") == [TOKEN]


def test_lines_that_are_one_token_only_by_chance_stay_two() -> None:
    assert tokens(f"see {TOKEN}\n{REQUEST.token}\nthere") == [TOKEN, REQUEST.token]
    assert tokens(f"see {REQUEST.token[:60]}\nand then {REQUEST.token[60:]}") == []
    assert tokens(f"see {REQUEST.token[:60]}\n\n{REQUEST.token[60:]}") == []


def test_a_broken_link_stays_a_broken_link() -> None:
    assert tokens(f"copybara:{TOKEN[:-1]}") == [TOKEN[:-1]]
    assert tokens(f"_copybara:{TOKEN[:-1]}!_") == [TOKEN[:-1]]


@pytest.mark.parametrize(
    ("token", "what"),
    [
        (TOKEN[:-1], "its end is missing (63 of 64 characters are there)"),
        (REQUEST.token[:50], "its end is missing (50 of 128 characters are there)"),
        (CARD.token[:60], "its end is missing (60 of at least 98 characters are there)"),
        (TOKEN[5:], "its beginning is missing or changed"),
        (f"{TOKEN}ABC", "something is stuck to its end (3 characters too many)"),
        (CARD.token[:-4], "a part of it is missing or changed"),
    ],
)
def test_a_damaged_link_says_which_part_is_missing(token: str, what: str) -> None:
    assert damage(token) == what


@pytest.mark.parametrize(
    "text",
    ["{}", " {}\n", "<{}>", "`{}`", "_{}_", "“{}”", "{}.", "copybara:{}", "\u200b{}", "%22{}%22"],
)
def test_a_node_id_is_read_whatever_stands_around_it(text: str) -> None:
    assert node_in(text.replace("{}", str(NODE))) == NODE


def test_a_node_id_that_a_phone_has_capitalised_or_mail_has_wrapped_is_read() -> None:
    assert node_in(str(NODE).capitalize()) == NODE
    assert node_in(f"{str(NODE)[:30]}\n> {str(NODE)[30:]}") == NODE


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (str(NODE)[:-3], "3 are missing"),
        (str(NODE) + "00", "2 are too many"),
        (f"{str(NODE)[:-1]}u", "isn't a node id"),
    ],
)
def test_a_damaged_node_id_says_what_is_missing(text: str, what: str) -> None:
    with pytest.raises(NodeIdError, match=what):
        node_in(text)


@pytest.mark.parametrize("text", ["", "anna", "copybara.azero", "a" * 40, TOKEN, "hello there, " * 10])
def test_what_is_no_node_id_is_none(text: str) -> None:
    assert node_in(text) is None


@pytest.mark.parametrize(
    "piece",
    [
        *("%25", "%2525", "E\n", "E" * 63 + "\n", "_E", "=\n", "=3D", "\u200b", "EA" + "E" * 60 + "\n", "%45", "-"),
        *("urldefense.com/v2/url?u=-3A_", "copybara:" + "E" * 200 + "\n", "___" + "E" * 64 + "___\n"),
        CARD.token[:-1] + "\n",
    ],
    ids=lambda piece: ascii(piece[:12]),
)
def test_no_packing_keeps_the_reader_busy(piece: str) -> None:
    started = time.process_time()
    find(piece * (4 * 4096 // len(piece)))
    assert time.process_time() - started < 3
