"""The benchmark of look-ups runs and prints numbers. The numbers themselves aren't tested."""

from __future__ import annotations

from benchmarks import name_lookup
from tests.shared.names.test_azero import needs


def test_looking_up_a_name_gives_numbers() -> None:
    needs(not name_lookup.why_not(), "node and the packages of tests/shared/names/node")
    figure = name_lookup.measure(rounds=1)
    for row in figure.rows:
        assert row.theirs is not None
        assert all(value > 0 for value in (*row.ours.values, *row.theirs.values))
