"""What people can see of a text: the one place that decides which characters are shown, kept or refused.

Others' names, lines of text and files' names are shown in chats, terminals and the page. A character that nobody sees
makes one name pass for another, and one that turns the line around makes a sentence say something else. The same
characters are needed inside words of some scripts and inside emoji, and stay there:

- U+200C and U+200D between letters of the scripts that join or stack them (Persian, Devanagari …; Unicode Standard
  Annex 31, 2.3), and U+200D between pictures (a family),
- U+200B between the words of scripts that write no spaces (Khmer, Thai, Lao, Burmese), as their keyboards type it,
- variation selectors behind a picture, a Chinese character or a Mongolian letter, and the tags of a flag.

Everything else is Unicode's own property Default_Ignorable_Code_Point, and a short list of characters that it doesn't
name but that are drawn as nothing. The tables are those of the library `regex`, newer than Python's. Pure.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable
from typing import Any


def late_pattern(source: str) -> Callable[[], Any]:
    """Gives a pattern of `regex`, compiled when it is asked for first.

    The library and its tables take a twentieth of a start, and ASCII needs none of them.
    """

    @functools.cache
    def pattern() -> Any:
        import regex

        return regex.compile(source)

    return pattern


_JOINING = (
    r"[[\p{Arab}\p{Syrc}\p{Mand}\p{Mong}\p{Phag}\p{Nkoo}\p{Adlm}\p{Rohg}\p{Mani}\p{Deva}\p{Beng}\p{Guru}\p{Gujr}\p{Orya}"
    r"\p{Taml}\p{Telu}\p{Knda}\p{Mlym}\p{Sinh}\p{Khmr}\p{Mymr}\p{Tibt}\p{Lana}\p{Bali}\p{Java}\p{Sund}\p{Cham}]&&\p{L}]"
)
_WITHOUT_SPACES = r"[[\p{Khmr}\p{Thai}\p{Laoo}\p{Mymr}]&&[\p{L}\p{M}]]"
_TAG = r"[\U000E0020-\U000E007E]"
_PICTURE = r"\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?+"

_IN_PLACE = late_pattern(
    rf"""(?V1x)
      [\u200C\u200D] (?<={_JOINING}\p{{M}}{{0,8}}.) (?={_JOINING})           # between two letters
    | \u200D (?<={_JOINING}\p{{InSC=Virama}}.) (?!\p{{M}})                   # a half letter at the end of a word
    | \u200D (?<={_JOINING}.) (?=\p{{InSC=Virama}}{_JOINING})               # Bengali's and Kannada's ra
    | \u200B (?<={_WITHOUT_SPACES}.) (?={_WITHOUT_SPACES})                   # between two words
    | \u200D (?<={_PICTURE}.) (?=\p{{Extended_Pictographic}})                # a family
    | [\uFE0E\uFE0F] (?<=\p{{Extended_Pictographic}}.)
    | \uFE0F (?<=[0-9*\#].) (?=\u20E3)                                       # a keycap
    | {_TAG} (?<=\U0001F3F4{_TAG}{{0,8}}.) (?={_TAG}{{0,8}}\U000E007F)         # a flag
    | \U000E007F (?<=\U0001F3F4{_TAG}{{1,8}}.)
    | [\U000E0100-\U000E01EF\uFE00-\uFE02] (?<=\p{{Han}}.)
    | [\u180B-\u180F] (?<=\p{{Mong}}.)
    """
)
# Each way begins with the character itself: what is before it is looked at only where there is one.

_BLANK = r"\u2800\u303F\uFFFC\U0001D159\U00013441\U00013442\U00016FE4"
# Drawn as nothing, though no property says so: a Braille pattern without dots, fillers and the like.

IGNORABLE = r"[\p{DI}\p{Cf}]+"
"Matches what nobody sees."

ignorable = late_pattern(IGNORABLE)

_UNSEEN = late_pattern(rf"[\p{{DI}}\p{{Cf}}\p{{Cc}}\p{{Co}}\p{{Cs}}\p{{Zl}}\p{{Zp}}\p{{NChar}}{_BLANK}]")
_AS_SPACE = late_pattern(rf"[\t\n\v\f\r\x1C-\x1E\x85\p{{Zl}}\p{{Zp}}{_BLANK}]")
_UNSHOWN = late_pattern(r"(?!\n)[\p{Cc}\p{Co}\p{Cs}\p{NChar}]")
_CONTROLS = late_pattern(r"[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]")
# Unassigned characters are left in: a later Unicode may have assigned them, as new emoji are.

_SEEN = late_pattern(rf"(?V1)[^\p{{DI}}\p{{C}}\p{{Z}}\p{{M}}{_BLANK}]|[\p{{Cn}}--[\p{{DI}}\p{{NChar}}]]")

_EDGE = rf"[\p{{DI}}\p{{Cf}}\p{{Z}}\s{_BLANK}]*+"
_BEGINNING, _END = late_pattern(_EDGE), late_pattern(rf"(?r){_EDGE}")
# The second is matched from the end on.

_ASCII_SPACES = " \t\n\v\f\r"


def is_printable(text: str) -> bool:
    """Whether nothing in the text is invisible where it stands, and no space is at either end. True for no text."""
    if text.isascii():
        return text == text.strip() and text.isprintable()
    return text == text.strip() and not _UNSEEN().search(_IN_PLACE().sub("", text))


def is_line(text: str) -> bool:
    """Whether it is one line without control, direction or misplaced format characters, and no space at either end.

    What cards may hold: a weaker rule than is_printable(), and as old as cards. What is left of a name there is shown
    with visible(), and saved under a name that is_printable().
    """
    if text.isascii():
        return text == text.strip() and text.isprintable()
    return text == text.strip() and not _CONTROLS().search(_IN_PLACE().sub("", text))


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: no letter, digit, sign or picture."""
    if text.isascii():
        return not any("!" <= character <= "~" for character in text)
    return not _SEEN().search(text)


def visible(text: str, *, lines: bool = False) -> str:
    """A foreign text made safe to show: invisible characters are left out, except where they belong.

    With `lines` line breaks stay (as `\\n`); without, they and tabs become spaces. Other characters that can't be
    shown become U+FFFD. Takes time linear in the text.
    """
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    end = 0
    for match in _IN_PLACE().finditer(text):
        kept += [_made_visible(text[end : match.start()], lines), match.group()]
        end = match.end()
    kept.append(_made_visible(text[end:], lines))
    return "".join(kept)


def escaped(text: str) -> str:
    r"""A text on one line in which nothing is invisible: what can't be seen is written as `\x1b` or `\u202e`.

    For logs, where what was really there matters. Invisible characters stay where they belong. Takes time linear in the
    text.
    """
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    end = 0
    for match in _IN_PLACE().finditer(text):
        kept += [_with_escapes(text[end : match.start()]), match.group()]
        end = match.end()
    kept.append(_with_escapes(text[end:]))
    return "".join(kept)


def without_invisible_edges(text: str) -> str:
    """The text without spaces and invisible marks around it: a command that was copied stays a command. Takes time
    linear in the text.
    """
    if text.isascii():
        return text.strip(_ASCII_SPACES)
    text = _BEGINNING().sub("", text, count=1)
    return str(_END().sub("", text, count=1))


def as_command(text: str) -> str:
    """The text as commands are read: without invisible edges, and its first slash in ASCII, as no Chinese keyboard
    types it.
    """
    text = without_invisible_edges(text)
    return f"/{text[1:]}" if text.startswith("\N{FULLWIDTH SOLIDUS}") else text


def seen_alike(text: str) -> str:
    """The text without what nobody sees and in compatible forms (Unicode NFKC): what two spellings have in common."""
    if text.isascii():
        return text
    return str(ignorable().sub("", unicodedata.normalize("NFKC", ignorable().sub("", text))))


def _with_escapes(part: str) -> str:
    return str(_UNSEEN().sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), part))


def _made_visible(part: str, lines: bool) -> str:
    if lines:
        part = part.replace("\r\n", "\n").replace("\r", "\n")
    part = _AS_SPACE().sub(lambda match: "\n" if lines and match.group() == "\n" else " ", ignorable().sub("", part))
    return str(_UNSHOWN().sub("\N{REPLACEMENT CHARACTER}", part))
