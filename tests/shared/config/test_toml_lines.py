"""Finding the line of a key."""

from __future__ import annotations

import pytest

from shared.config.toml_lines import line_of

TRICKY = '''# lifetime = 1
"name" = """
[calls]
lifetime = 2 # not here
"""   # [calls]
other = ["]", '[', # ]
  "x", { a = 1, b = "}" },
] # end
[ calls ] # [answer]
  'lifetime' = 3
a.b . "c d" = 4
[media.deep]
file = \'\'\'
[staex]\'\'\'
[[list]]
one = 1
[[list]]
two = 2'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("name",), 2),
        (("other",), 6),
        (("other", "a"), 6),
        (("calls",), 9),
        (("calls", "lifetime"), 10),
        (("calls", "a", "b", "c d"), 11),
        (("calls", "missing"), 9),
        (("media",), 12),
        (("media", "deep", "file"), 13),
        (("list",), 15),
        (("list", "two"), 18),
        (("staex",), None),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_key_is_found(key: tuple[str, ...], line: int | None) -> None:
    assert line_of(TRICKY, key) == line


def test_a_long_text_is_searched_in_linear_time() -> None:
    # A search in quadratic time would take minutes here, and a linear one takes a fraction of a second.
    text = '[calls]\nunknown = "' + "\\\\" * 200_000 + '"\n' + "".join(f"k{n} = [1, '#']\n" for n in range(20_000))
    assert line_of(text, ("calls", "k19999")) == 20_002
