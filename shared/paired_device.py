"""A device of the owner, such as a phone, at which the page may be used over the overlay or the home's network."""

from __future__ import annotations

import enum

import msgspec


class DeviceWay(enum.StrEnum):
    """By which network a device comes."""

    OVERLAY = "overlay"
    LAN = "lan"


class PairedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it. Keys are raw bytes."""

    name: str
    "By which the owner knows it."

    address: str
    "Its address in that network: only from there it is let in."

    way: DeviceWay = DeviceWay.OVERLAY

    key: bytes = b""
    "32 bytes that it and we prove to each other; it keeps them where no script can read them."

    cookie: bytes = b""
    "SHA-256 of the cookie that it has to bring, 32 bytes."

    added: int
    "When it was paired, Unix seconds."

    seen: int
    "When it was connected last, Unix seconds."
