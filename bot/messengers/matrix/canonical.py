"""Canonical JSON and its signatures (Matrix specification, appendices: Canonical JSON, Signing JSON). Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import vodozemac

Json = dict[str, Any]
"An object from the server or another client. Nothing in it can be relied on."


def canonical(value: Mapping[str, Any]) -> bytes:
    """The form of an object that is signed. Raises ValueError or RecursionError if it isn't valid JSON."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
    ).encode()


def signed_part(value: Mapping[str, Any]) -> bytes:
    """The part of an object that a signature covers."""
    return canonical({name: each for name, each in value.items() if name not in ("signatures", "unsigned")})


def with_signature(value: Json, user: str, key: str, sign: Callable[[bytes], str]) -> Json:
    """Add a signature to an object: by `user`, with the key of that id (`ed25519:DEVICE`)."""
    signatures = {name: dict(each) for name, each in value.get("signatures", {}).items()}
    signatures.setdefault(user, {})[key] = sign(signed_part(value))
    return {**value, "signatures": signatures}


def is_signed(value: Json, user: str, key: str, public: str) -> bool:
    """Whether an object has a valid signature by that key. Never raises, whatever the object contains."""
    try:
        signature = value["signatures"][user][key]
        vodozemac.Ed25519PublicKey.from_base64(public).verify_signature(
            signed_part(value), vodozemac.Ed25519Signature.from_base64(signature)
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    return True


def text(value: object, *path: str, most: int = 1024) -> str:
    """A string deep in an object. Empty if it is missing or longer than `most` characters."""
    for name in path:
        if not isinstance(value, dict):
            return ""
        value = value.get(name)
    return value if isinstance(value, str) and len(value) <= most else ""


def part(value: object, *path: str) -> Json:
    """An object deep in an object. Empty if it is missing."""
    for name in path:
        if not isinstance(value, dict):
            return {}
        value = value.get(name)
    return value if isinstance(value, dict) else {}


def items(value: object, *path: str) -> Iterator[Json]:
    """The objects of a list deep in an object, one by one. None if there is no list."""
    for name in path:
        if not isinstance(value, dict):
            return
        value = value.get(name)
    if isinstance(value, Iterable) and not isinstance(value, str | dict):
        yield from (each for each in value if isinstance(each, dict))


def number(value: object, *path: str) -> int:
    """A whole number deep in an object; 0 if it is missing."""
    for name in path:
        if not isinstance(value, dict):
            return 0
        value = value.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
