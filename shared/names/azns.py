"""The messages of AZERO.ID's contracts: what to call, and what comes back. Pure.

Registry and router are ink! 4 contracts; the registry takes a name without its top-level name. Sources: the
router's metadata in the package `@azns/resolver-core` 1.7.0, and the registry's (version 1.1.0).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from shared.errors import BadAnswer, BadRecord
from shared.names import ink
from shared.names.scale import ScaleReader, string

NAME_DOESNT_EXIST = 2
RECORD_NOT_FOUND = 8

LONGEST_RECORD = 2048
"Characters of a record's value that are taken; a node id has 52, a contact card at most 256."

_Value = TypeVar("_Value")


class ContractRefused(msgspec.Struct, frozen=True):
    """The contract's own error, by its number."""

    code: int


def get_record(name: str, key: str) -> bytes:
    """Of the registry; returns Result<String, Error>, see `text`."""
    return bytes.fromhex("7e6cb4ce") + string(name) + string(key)


def get_owner(name: str) -> bytes:
    """Of the registry; returns Result<AccountId, Error>, see `account`."""
    return bytes.fromhex("07fcd0b1") + string(name)


def get_address(name: str) -> bytes:
    """Of the registry, and of the router with the whole domain; returns Result<AccountId, Error>, see `account`."""
    return bytes.fromhex("d259f7ba") + string(name)


def get_expiry_date(name: str) -> bytes:
    """Of the registry; returns Result<u64, Error>, see `moment`. It answers for expired names too."""
    return bytes.fromhex("f56d0deb") + string(name)


def get_registry(tld: str) -> bytes:
    """Of the router; returns Option<AccountId>, see `maybe_account`."""
    return bytes.fromhex("15a5d20a") + string(tld)


def get_primary_domains(account: bytes) -> bytes:
    """Of the router, of all top-level names; returns Vec<(AccountId, String)>, see `domains`."""
    return bytes.fromhex("df3a358e") + account + b"\0"


def get_primary_domain(account: bytes) -> bytes:
    """Of the registry; returns Result<String, Error>, see `text`."""
    return bytes.fromhex("bf5b5677") + account


# What comes back. Each takes the bytes of `ink.answer`, and raises BadAnswer for anything it can't be, and
# BadRecord for a text that is too long.


def text(value: bytes) -> str | ContractRefused:
    """Result<String, Error>, the text at most LONGEST_RECORD characters."""
    reader, refused = _result(value)
    return refused or _end(reader, _bounded(reader.string()))


def account(value: bytes) -> bytes | ContractRefused:
    """Result<AccountId, Error>: 32 bytes."""
    reader, refused = _result(value)
    return refused or _end(reader, reader.take(32))


def moment(value: bytes) -> int | ContractRefused:
    """Result<u64, Error>: a time in whole Unix seconds. The chain counts in milliseconds."""
    reader, refused = _result(value)
    return refused or _end(reader, reader.number(8) // 1000)


def maybe_account(value: bytes) -> bytes | None:
    """Option<AccountId>: 32 bytes, or None."""
    reader = ink.returned(value)
    if reader.choice("none", "some") == "none":
        return _end(reader, None)
    return _end(reader, reader.take(32))


def domains(value: bytes) -> list[str]:
    """Vec<(AccountId, String)>: the texts."""
    reader = ink.returned(value)
    found = []
    for _ in range(reader.compact()):
        reader.take(32)
        found.append(_bounded(reader.string()))
    return _end(reader, found)


def _result(value: bytes) -> tuple[ScaleReader, ContractRefused | None]:
    reader = ink.returned(value)
    if reader.choice("ok", "error") == "ok":
        return reader, None
    return reader, ContractRefused(reader.number(1))


def _bounded(found: str) -> str:
    if len(found) > LONGEST_RECORD:
        raise BadRecord("A record under that name is far too long.")
    return found


def _end(reader: ScaleReader, value: _Value) -> _Value:
    if reader.rest:
        raise BadAnswer("An answer of the contract is longer than it should be.")
    return value
