"""A link is found wherever a person would see one, however it was encoded on its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from shared.errors import NodeIdError
from shared.links.damage import damage
from shared.links.kinds import Link, PairedToken, as_copybara, as_telegram, find
from shared.links.node_ids import node_in
from shared.node_id import NodeId
from tests.link_forms import as_handset
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


def split(text: str, by: str) -> str:
    return f"{text[:30]}{by}{text[30:]}"


def wide(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


PACKINGS: dict[str, Callable[[str], str]] = {
    "Markdown": lambda link: link.replace("_", r"\_").replace("-", r"\-"),
    "JSON": lambda link: link.replace("copybara:", r"https:\/\/t.me\/b?start\u003d"),
    "HTML by number": lambda link: link.replace(":", "&#58;").replace("_", "&#x5F;").replace("-", "&#45;"),
    "HTML by name": lambda link: link.replace(":", "&colon;").replace("_", "&lowbar;"),
    "HTML quotes": lambda link: f"&quot;{link}&quot;",
    "where HTML may break": lambda link: split(link, "<wbr>"),
    "HTML's soft hyphen": lambda link: split(link, "&shy;"),
    "HTML's zero width": lambda link: split(link, "&#8203;"),
    "HTML's line break": lambda link: split(link, "<br>\r\n"),
    "HTML's line break with a class": lambda link: split(link, '<br class="x">'),
    "HTML's paragraphs": lambda link: split(link, '</p>\n<p dir="auto">'),
    "Markdown's hard line break": lambda link: split(link, "\\\n"),
    "in a comment": lambda link: split(link, "\n# "),
    "in a comment of C": lambda link: split(link, "\n * "),
    "between bars": lambda link: split(link, " |\n| "),
    "a form feed": lambda link: split(link, "\f"),
    "underlined in a terminal": lambda link: f"\x1b[4m{link}\x1b[0m",
    "half in colour": lambda link: split(link, "\x1b[38;5;4m"),
    "half in bold": lambda link: split(link, "<b>") + "</b>",
    "bold with a style": lambda link: split(link, '<b style="x">') + "</b>",
    "HTML's soft hyphen escaped twice": lambda link: split(link, "&amp;amp;shy;"),
    "quoted by a colon": lambda link: split(link, "\n: "),
    "quoted by initials": lambda link: split(link, "\nAB> "),
    "in a comment of SQL": lambda link: split(link, "\n-- "),
    "in two texts of a program": lambda link: split(link, '" +\n    "'),
    "escaped by hexadecimal digits": lambda link: link.replace(":", r"\x3a").replace("-", r"\x2d"),
    "percent-encoded zero width": lambda link: quote(split(link, "\u200b"), safe=""),
    "percent-encoded soft hyphen twice": lambda link: encoded(split(link, "\xad"), 2),
    "percent-encoded five times": lambda link: encoded(link, 5),
    "quoted-printable in small letters": lambda link: f"start=3d{link}",
    "quoted-printable with blanks": lambda link: split(link, "= \n"),
    "quoted quoted-printable": lambda link: split(link, "=\n> "),
    "quoted-printable zero width": lambda link: split(link, "=E2=80=8B"),
    "every character quoted-printable": lambda link: "".join(f"={byte:02X}" for byte in link.encode()),
    "old line break": lambda link: split(link, "\r"),
    "Unicode's line break": lambda link: split(link, "\u2028"),
    "indented with a no-break space": lambda link: split(link, "\n\xa0"),
    "beside a bar": lambda link: split(link, "\n| "),
    "no-break hyphens": lambda link: link.replace("-", "\u2011"),
    "a phone's long dashes": lambda link: link.replace("--", "\u2014"),
    "wide letters": wide,
    "Arabic punctuation": lambda link: f"{link}؟",
    "Chinese punctuation": lambda link: f"「{link}」。",
    "from right to left": lambda link: f"\u2067{link}\u2069",
}
DASHES = PairedToken(b"\x13" + b"\xfb\xef\xbe\xfb\xff\xfe" * 7 + b"\xfb\xef\xbe\xff\xfe")


@pytest.mark.parametrize("link", [*LINKS, DASHES], ids=[*(type(link).__name__ for link in LINKS), "dashes"])
@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_link_is_found_whatever_wrote_it_in_another_way(link: Link, pack: Callable[[str], str]) -> None:
    assert tokens(f"so: {pack(as_copybara(link.token))} ok") == [link.token]


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_damaged_link_is_found_as_whole_as_it_came(pack: Callable[[str], str]) -> None:
    damaged = TOKEN[:-1]
    packed = pack(as_copybara(damaged))
    if not any(end in packed for end in ("\n", "\r", "\f", "\u2028", "<br")):  # the link may continue in the next line
        assert tokens(f"so: {packed} ok") == [damaged]


@every_link
def test_an_address_that_is_shown_abbreviated_is_no_second_link(link: Link) -> None:
    whole = as_handset(link.token, 8765)
    assert tokens(f'<a href="{whole}">{whole[:30]}…</a>') == [link.token]
    assert tokens(f"{whole[:34]}... ({whole})") == [link.token]


@pytest.mark.parametrize("link", [REQUEST, SEALED, CARD], ids=["request", "sealed", "card"])
def test_a_link_that_a_narrow_terminal_has_wrapped_is_one(link: Link) -> None:
    whole = as_copybara(link.token)
    assert tokens("\n".join(whole[start : start + 30] for start in range(0, len(whole), 30))) == [link.token]


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
    [
        *("{}", " {}\n", "<{}>", "`{}`", "_{}_", "“{}”", "{}.", "copybara:{}", "\u200b{}", "%22{}%22"),
        *(
            "\xa0{}\xa0",
            "{}،",
            "{}؟",
            "「{}」。",
            "\uff08{}\uff09",
            "\u2039{}\u203a",
            "{}…",
            "||{}||",
            "| {} |",
            "Copybara: {}",
        ),
        *("&lt;{}&gt;", "<code>{}</code>", "%253C{}%253E"),
    ],
)
def test_a_node_id_is_read_whatever_stands_around_it(text: str) -> None:
    assert node_in(text.replace("{}", str(NODE))) == NODE


@pytest.mark.parametrize(
    "text",
    [
        "node: {}",
        "staex-id {}",
        "staex-id={}",
        '{{"node": "{}"}}',
        '"{{\\"node\\": \\"{}\\"}}"',
        "[{}]({})",
        "- {}",
        "1. {}",
        "{} - that's me",
        "{}—me",
        "Anna, 11:40\n{}",
        "<anna> {}",
        "| anna | {} |",
        "按{}打",
        "我的节点{}。",
        "اتصل بي {}، شكرا",
        "https://explorer.example/node/{}?tab=1",
        "mailto:a@x.example?body=my%20node%20{}",
        '<p dir="auto">{}</p>',
        "\x1b[4m{}\x1b[0m",
    ],
)
def test_a_node_id_is_read_in_a_sentence(text: str) -> None:
    assert node_in(text.format(*[NODE] * text.count("{}"))) == NODE


def test_of_two_node_ids_none_is_chosen() -> None:
    assert node_in(f"anna {NODE} and bob {NodeId(bytes(32))}") is None


def test_a_node_id_that_a_phone_has_capitalised_or_mail_has_wrapped_is_read() -> None:
    assert node_in(str(NODE).capitalize()) == NODE
    for wrap in ("\n> ", "\r", "=\n", "=\r\n> ", "<wbr>", "\xad", "&shy;", "%E2%80%8B"):
        assert node_in(f"{str(NODE)[:30]}{wrap}{str(NODE)[30:]}") == NODE


def test_a_node_id_is_read_as_people_type_it() -> None:
    node = NodeId.parse("zw18y5z3bv3vk7vwwey011s7rnn8sgbjef3vknjadhvmv4gdvv8g")
    text = str(node)
    typed = [text.replace("0", "o").replace("1", "l"), text.upper().replace("0", "O").replace("1", "I"), wide(text)]
    groups = [" ".join(text[start : start + 4] for start in range(0, 52, 4)), f"{text[:26]}-{text[26:]}"]
    assert [node_in(each) for each in typed + groups] == [node] * 5


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (str(NODE)[:-3], "3 are missing"),
        (str(NODE)[:-1], "1 is missing"),
        (str(NODE) + "00", "2 are too many"),
        (str(NODE)[:4] + "\u0443" + str(NODE)[5:], "its character 5, \u0443, is one that no node id has"),
        (f"{str(NODE)[:-1]}u", "isn't a node id"),
    ],
)
def test_a_damaged_node_id_says_what_is_missing(text: str, what: str) -> None:
    with pytest.raises(NodeIdError, match=what):
        node_in(text)


@pytest.mark.parametrize(
    "text", ["", "anna", "copybara.azero", "a" * 40, TOKEN, "hello there, " * 10, "a sentence " * 5 + "at ten"]
)
def test_what_is_no_node_id_is_none(text: str) -> None:
    assert node_in(text) is None


@pytest.mark.parametrize(
    "piece",
    [
        *("%25", "%2525", "E\n", "E" * 63 + "\n", "_E", "=\n", "=3D", "\u200b", "EA" + "E" * 60 + "\n", "%45", "-"),
        *("urldefense.com/v2/url?u=-3A_", "copybara:" + "E" * 200 + "\n", "___" + "E" * 64 + "___\n"),
        CARD.token[:-1] + "\n",
        *(
            "\\",
            "\\\\_",
            "&",
            "&#",
            "&amp;",
            "<",
            "<b>",
            "<span ",
            "=E2",
            "=E2=80=8B",
            "%E2%25",
            "%25E2%2580%258B",
            "\u2014",
        ),
        *("=20=20=20", "copybara:E\\_ ", "ー", "\uff21"),
    ],
    ids=lambda piece: ascii(piece[:12]),
)
def test_no_packing_keeps_the_reader_busy(piece: str) -> None:
    started = time.process_time()
    find(piece * (4 * 4096 // len(piece)))
    assert time.process_time() - started < 3
