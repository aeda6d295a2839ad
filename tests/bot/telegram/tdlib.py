"""TDLib's own parser of text entities, offline: what Telegram's apps find in a message, and what people can tap."""

from __future__ import annotations

import json
from typing import Any

import tdjson


class ParseError(Exception):
    """TDLib refuses the markup. The text is the Bot API's description."""


def _execute(request: dict[str, Any]) -> dict[str, Any]:
    answer = json.loads(tdjson.td_execute(json.dumps(request).encode()) or b"{}")
    if answer.get("@type") == "error":
        raise ParseError(answer["message"])
    return dict(answer)


_execute({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


def parse_html(text: str) -> tuple[str, list[dict[str, Any]]]:
    """A text with HTML markup as plain text and its entities (TDLib's). Raises ParseError."""
    parsed = _execute({"@type": "parseTextEntities", "text": text, "parse_mode": {"@type": "textParseModeHTML"}})
    return parsed["text"], parsed["entities"]


def found_in(text: str) -> list[dict[str, Any]]:
    """The entities in plain text: addresses, commands, mentions …"""
    return list(_execute({"@type": "getTextEntities", "text": text})["entities"])


def utf16(text: str, entity: dict[str, Any]) -> str:
    """The part of a text that an entity covers. Its offsets count UTF-16 units."""
    units = text.encode("utf-16-le")
    return units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")


def tappable(text: str, marked: list[dict[str, Any]]) -> list[str]:
    """Each address that a tap opens, in the order of the text."""
    covered = [(each["offset"], each["offset"] + each["length"]) for each in marked if "Code" in each["type"]["@type"]]
    found = [each for each in found_in(text) if not any(start <= each["offset"] < end for start, end in covered)]
    addresses = [(each["offset"], utf16(text, each)) for each in found if each["type"]["@type"] == "textEntityTypeUrl"]
    hidden = [
        (each["offset"], each["type"]["url"]) for each in marked if each["type"]["@type"] == "textEntityTypeTextUrl"
    ]
    return [address for _, address in sorted(addresses + hidden)]
