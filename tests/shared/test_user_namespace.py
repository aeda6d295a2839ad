"""Which users a user namespace hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.user_namespace import UNMAPPED, hides


@pytest.mark.parametrize(
    ("uid_map", "uid", "hidden"),
    [
        ("         0          0 4294967295\n", UNMAPPED, False),  # no namespace: this is the user "nobody"
        ("      1000       1000          1\n", UNMAPPED, True),
        ("      1000       1000          1\n", 1000, False),
        ("         0       1000          1\n         1     100000      65536\n", UNMAPPED, False),
        ("         0     100000      65534\n", UNMAPPED, True),
    ],
)
def test_the_number_of_nobody_stands_for_others_where_it_is_no_users(
    tmp_path: Path, uid_map: str, uid: int, hidden: bool
) -> None:
    (tmp_path / "uid_map").write_text(uid_map)
    assert hides(uid, tmp_path / "uid_map") == hidden


def test_where_there_are_no_namespaces_nobody_is_hidden(tmp_path: Path) -> None:
    assert not hides(UNMAPPED, tmp_path / "uid_map")
