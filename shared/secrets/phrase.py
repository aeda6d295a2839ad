"""Four words that both sides of a paired call see, to compare by voice."""

from __future__ import annotations

import functools

from shared.hkdf import hkdf

WORDS = 4
BITS_PER_WORD = 11


def phrase(secret: bytes) -> str:
    """The four words of a pair secret (32 bytes): 44 derived bits as words of BIP 39's English list."""
    spare_bits = -WORDS * BITS_PER_WORD % 8
    material = hkdf(secret, info=b"copybara/1 pair phrase", length=(WORDS * BITS_PER_WORD + spare_bits) // 8)
    bits = int.from_bytes(material, "big") >> spare_bits
    shifts = range((WORDS - 1) * BITS_PER_WORD, -1, -BITS_PER_WORD)
    return " ".join(_english()[bits >> shift & (1 << BITS_PER_WORD) - 1] for shift in shifts)


@functools.cache
def _english() -> list[str]:
    from mnemonic import Mnemonic  # loaded when the first call is paired, not when the program starts

    return Mnemonic("english").wordlist
