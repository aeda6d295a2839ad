"""Names that show what they are: text from others that is safe to print into a chat or a terminal."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# Unicode general categories of control, bidirectional and other format characters, private use, lone surrogates and
# line breaks. Unassigned characters (Cn) are left in: a later Unicode may have assigned them.


def is_printable(text: str) -> bool:
    """Whether the text has no control, bidirectional or invisible characters and no space at either end."""
    return text == text.strip() and not any(unicodedata.category(character) in _INVISIBLE for character in text)
