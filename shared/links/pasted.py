"""Offers and answers that people paste, from any program that speaks SDP: the text itself, or JSON around it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from shared.errors import BadDescription
from shared.links.strict_json import read_object

MAX_PASTED = 128 * 1024
"The most characters of pasted text, with spaces and JSON's escapes."

DescriptionType: TypeAlias = Literal["offer", "answer"]

_SETUP = re.compile(r"(?:^|[\r\n])\s*a=setup:(actpass|active|passive)(?=\s|$)")
_JSON_START = re.compile(r"\{\s*\"(?:type|sdp)\"")
_AROUND = " \t\r\n\ufeff"
"Characters that may surround it, among them the byte order mark of some editors."


class _Json(msgspec.Struct, frozen=True):
    """The JSON of a browser's RTCSessionDescription."""

    type: DescriptionType
    sdp: Annotated[str, Meta(max_length=MAX_PASTED)]


class Pasted(msgspec.Struct, frozen=True):
    """SDP that is an offer or an answer. Nothing in it has been verified yet."""

    type: DescriptionType
    sdp: str


def looks_pasted(text: str) -> bool:
    """Whether a message begins like an offer or an answer."""
    text = text[:256].lstrip(_AROUND)
    return text.startswith(("v=0\n", "v=0\r")) or _JSON_START.match(text) is not None


def read_pasted(text: str, meant: DescriptionType | None = None) -> Pasted:
    """Read SDP text or `{"type": …, "sdp": …}`. Raises BadDescription.

    Bare SDP doesn't say which of the two it is, so `meant` decides. Without `meant`, it is an offer if it lets the
    other side choose who begins the handshake, which an answer may not do (RFC 8842, section 5).
    """
    if len(text) > MAX_PASTED:
        raise BadDescription("That is too long for an offer or an answer.")
    text = text.strip(_AROUND)
    if text.startswith("{"):
        try:
            values = msgspec.convert(read_object(text.encode()), _Json)
            values.sdp.encode()
        except (msgspec.ValidationError, UnicodeEncodeError):
            raise BadDescription(
                'That isn\'t {"type": "offer", "sdp": …}, or a part of it has the wrong form.'
            ) from None
        if meant not in (None, values.type):
            raise BadDescription(f"That is an {values.type}, where an {meant} is needed.")
        return Pasted(values.type, values.sdp)
    setups = set(_SETUP.findall(text))
    if not setups:
        raise BadDescription("That isn't an SDP offer or answer.", "It begins with the line v=0. Copy it as a whole.")
    return Pasted(meant or ("offer" if setups == {"actpass"} else "answer"), text)
