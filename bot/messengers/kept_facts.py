"""Reads a messenger's facts as text or numbers. An unreadable fact counts as missing, and is logged once."""

from __future__ import annotations

import functools
import logging

import msgspec

from shared.not_json import NOT_JSON
from shared.store.journal import Journal

logger = logging.getLogger(__name__)

LARGEST = 2**63 - 1


def as_text(name: str, raw: bytes | None) -> str | None:
    """The text of a fact. None if the fact is missing or isn't UTF-8."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        _unreadable(name)
        return None


def text(journal: Journal, name: str) -> str | None:
    """Look up a fact and read it as text. None if it is missing or isn't UTF-8."""
    return as_text(name, journal.fact(name))


def number(journal: Journal, name: str) -> int | None:
    """Look up a fact that is a positive 64-bit number. None if it is missing or anything else."""
    fact = text(journal, name)
    if not fact:
        return None
    if not (fact.isascii() and fact.isdigit() and len(fact) < 20 and int(fact) <= LARGEST):
        _unreadable(name)
        return None
    return int(fact)


def as_numbers(name: str, raw: bytes | None) -> list[int]:
    """A fact that is a list of numbers. Empty if it is missing or anything else."""
    try:
        return msgspec.json.decode(raw, type=list[int]) if raw is not None else []
    except NOT_JSON:
        _unreadable(name)
        return []


@functools.lru_cache(maxsize=64)
def _unreadable(name: str) -> None:
    # Behind a colon a node or an account is named, which a service's journal doesn't say.
    logger.warning("What is kept as %r can't be read; it counts as not kept.", name.partition(":")[0])
