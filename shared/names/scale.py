"""SCALE, the byte format of Substrate chains, as far as names need it (Polkadot documentation, "Type Encoding")."""

from __future__ import annotations

from shared.errors import BadAnswer


def compact(number: int) -> bytes:
    """Encode a compact unsigned integer below 2^30. The lengths of names and records are far smaller."""
    if number < 1 << 6:
        return bytes([number << 2])
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    raise ValueError("a length of 2^30 and more")


def sequence(raw: bytes) -> bytes:
    """Encode bytes with their length before them."""
    return compact(len(raw)) + raw


def string(text: str) -> bytes:
    """Encode a text with its length in bytes before it."""
    return sequence(text.encode())


class ScaleReader:
    """Reads one value after the other. Every method raises BadAnswer for invalid bytes, or if they end too early."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._place = 0

    @property
    def rest(self) -> bytes:
        """The bytes that haven't been read yet."""
        return self._raw[self._place :]

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken = self._raw[self._place : self._place + count]
        if len(taken) < count:
            raise BadAnswer("An answer of the chain ended too early.")
        self._place += count
        return taken

    def number(self, size: int) -> int:
        """An unsigned integer of `size` bytes, little-endian."""
        return int.from_bytes(self.take(size), "little")

    def compact(self) -> int:
        """A compact unsigned integer, in any of its four forms."""
        first = self.number(1)
        match first & 3:
            case 0:
                return first >> 2
            case 1:
                return first >> 2 | self.number(1) << 6
            case 2:
                return first >> 2 | self.number(3) << 6
            case _:
                return self.number((first >> 2) + 4)

    def sequence(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.compact())

    def string(self) -> str:
        """A text with its length before it."""
        try:
            return self.sequence().decode()
        except UnicodeDecodeError:
            raise BadAnswer("An answer of the chain holds text that isn't UTF-8.") from None

    def choice(self, *names: str) -> str:
        """The variant of an enumeration, by its index."""
        index = self.number(1)
        if index >= len(names):
            raise BadAnswer("An answer of the chain has a form that isn't known.")
        return names[index]
