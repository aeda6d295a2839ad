"""Arguments as UTF-8 text, in every locale."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shared.errors import WrongUse


def as_utf8(arguments: Sequence[str]) -> list[str]:
    """Decode the arguments in any locale. Raises WrongUse if one isn't UTF-8."""
    try:
        return [os.fsencode(argument).decode() if is_undecoded(argument) else argument for argument in arguments]
    except UnicodeError:
        wrong = next(filter(is_undecoded, arguments))
        shown = wrong.encode("ascii", "backslashreplace").decode()
        raise WrongUse(f"An argument isn't UTF-8 text: {shown}.", "Type it instead of copying it.") from None


def is_undecoded(argument: str) -> bool:
    """Whether Python couldn't decode all bytes of the argument."""
    return any("\udc80" <= character <= "\udcff" for character in argument)
