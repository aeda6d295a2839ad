"""The messages of AZERO.ID's contracts: the calls and their return values. Pure.

Registry and router are ink! 4 contracts. The registry takes a name without its top-level name. Sources: the router's
metadata in the package `@azns/resolver-core` 1.7.0, and the registry's metadata (version 1.1.0).
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
"The most characters of a record's value. A node id has 52, a contact card at most 256."

_Value = TypeVar("_Value")


class ContractRefused(msgspec.Struct, frozen=True):
    """The contract's own error, as a number."""

    code: int


def get_record(name: str, key: str) -> bytes:
    """A call of the registry. Returns Result<String, Error>, see `text`."""
    return bytes.fromhex("7e6cb4ce") + string(name) + string(key)


def get_owner(name: str) -> bytes:
    """A call of the registry. Returns Result<AccountId, Error>, see `account`."""
    return bytes.fromhex("07fcd0b1") + string(name)


def get_address(name: str) -> bytes:
    """A call of the registry, or of the router with the whole domain.

    Returns Result<AccountId, Error>, see `account`.
    """
    return bytes.fromhex("d259f7ba") + string(name)


def get_expiry_date(name: str) -> bytes:
    """A call of the registry. Returns Result<u64, Error>, see `moment`, also for expired names."""
    return bytes.fromhex("f56d0deb") + string(name)


def get_registry(tld: str) -> bytes:
    """A call of the router. Returns Option<AccountId>, see `maybe_account`."""
    return bytes.fromhex("15a5d20a") + string(tld)


def get_primary_domains(account: bytes) -> bytes:
    """A call of the router, for all top-level names. Returns Vec<(AccountId, String)>, see `domains`."""
    return bytes.fromhex("df3a358e") + account + b"\0"


def get_primary_domain(account: bytes) -> bytes:
    """A call of the registry. Returns Result<String, Error>, see `text`."""
    return bytes.fromhex("bf5b5677") + account


# Return values. Each function takes the bytes of `ink.answer`. It raises BadAnswer for invalid bytes, and BadRecord for
# a text that is too long.


def text(value: bytes) -> str | ContractRefused:
    """Read Result<String, Error>. The text has at most LONGEST_RECORD characters."""
    reader, refused = _result(value)
    return refused or _end(reader, _bounded(reader.string()))


def account(value: bytes) -> bytes | ContractRefused:
    """Read Result<AccountId, Error>: 32 bytes."""
    reader, refused = _result(value)
    return refused or _end(reader, reader.take(32))


def moment(value: bytes) -> int | ContractRefused:
    """Read Result<u64, Error>: a time in whole Unix seconds. The chain counts in milliseconds."""
    reader, refused = _result(value)
    return refused or _end(reader, reader.number(8) // 1000)


def maybe_account(value: bytes) -> bytes | None:
    """Read Option<AccountId>: 32 bytes, or None."""
    reader = ink.returned(value)
    if reader.choice("none", "some") == "none":
        return _end(reader, None)
    return _end(reader, reader.take(32))


def domains(value: bytes) -> list[str]:
    """Read the texts of Vec<(AccountId, String)>."""
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
