"""The tree of errors."""

from __future__ import annotations

import re

from shared import errors
from shared.errors import CopybaraError
from shared.links.tokens import BadLink


def drawn() -> dict[str, str]:
    """Each error in the drawing of shared/errors.py, with what it is a kind of."""
    above: list[str] = []
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"( *(?:│   |    )*)(?:├── |└── )?([A-Z]\w+)(?:  |$)", line):
            depth = len(line.partition(branch[2])[0]) // 4 - 1
            del above[depth:]
            found[branch[2]] = above[-1] if above else "Exception"
            above.append(branch[2])
    return found


def test_the_drawing_has_every_error_under_what_it_is_a_kind_of() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CopybaraError)]
    assert drawn() == {each.__name__: each.__bases__[0].__name__ for each in (*kinds, BadLink)}
