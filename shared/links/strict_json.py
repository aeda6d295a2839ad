"""JSON from strangers: one object without repeated keys, and with limited nesting."""

from __future__ import annotations

import json
import re

from shared.errors import BadDescription

MAX_DEPTH = 8
"The deepest nesting of brackets. The JSON that we read has three levels."

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def read_object(text: bytes) -> dict[str, object]:
    """Read an object in UTF-8. The caller bounds the size. Raises BadDescription for everything else.

    msgspec checks the types later, but would accept repeated keys and use the last value.
    """
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadDescription("What was pasted is nested too deep.")
    try:
        values = json.loads(text.decode(), object_pairs_hook=_each_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadDescription("What was pasted can't be read.") from None
    if not isinstance(values, dict):
        raise BadDescription("What was pasted can't be read.")
    return values


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError
    return values


def _refuse(_: str) -> object:
    raise ValueError
