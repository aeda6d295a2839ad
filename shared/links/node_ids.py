"""A node id in what a person pasted: with quotes or brackets around it, encoded, wrapped. Pure."""

from __future__ import annotations

import re

from shared.errors import NodeIdError
from shared.links.views import views
from shared.node_id import ALPHABET, TEXT_LENGTH, NodeId

MAX_TEXT = 400
"Characters that are looked at."

SURELY_ONE = 41
"Characters of the alphabet that are no name: a contact's has at most 40."

_WORD = re.compile(f"[{ALPHABET}]+", re.ASCII | re.IGNORECASE)
_WRAPPED = re.compile(r"\s*\n[\s>]*")
_EDGES = " \t\r\n\"'<>()[]{}«»“”„\u2018\u2019\u201a`*_~.,;:!?"


def node_in(text: str) -> NodeId | None:
    """The node id that the text is, whatever stands around it; None if it is none.

    Raises NodeIdError for one that is mistyped, or of which a part is missing.
    """
    for view in views(text[:MAX_TEXT]):
        word = _WRAPPED.sub("", view.text.strip(_EDGES)).removeprefix("copybara:").strip(_EDGES)
        if len(word) == TEXT_LENGTH and word.isalnum():
            return NodeId.parse(word.lower() if _WORD.fullmatch(word) else word)
        if SURELY_ONE <= len(word) <= TEXT_LENGTH + 8 and _WORD.fullmatch(word):
            missing = TEXT_LENGTH - len(word)
            what = f"{missing} are missing" if missing > 0 else f"{-missing} are too many"
            raise NodeIdError(f"A node id has {TEXT_LENGTH} characters; this has {len(word)}: {what}.")
    return None
