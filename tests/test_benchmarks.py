"""Each benchmark runs and gives numbers, and they end up in README.md. What the numbers are is not a test."""

from __future__ import annotations

import math
from types import ModuleType

import pytest

from benchmarks import idle_memory, processor_share, reading_links, request_length, start, time_to_media
from benchmarks.__main__ import FIGURES, README
from benchmarks.machine import description
from benchmarks.measuring import Figure, Row, Samples, interleaved
from benchmarks.report import rewritten


def assert_gives_numbers(figure: Figure) -> None:
    assert figure.rows
    for row in figure.rows:
        values = (*row.ours.values, *row.theirs.values, *row.ratio.values)
        assert values
        assert all(math.isfinite(value) and value > 0 for value in values), row.what


@pytest.mark.parametrize("benchmark", [request_length, time_to_media, start])
def test_a_benchmark_gives_numbers(benchmark: ModuleType) -> None:
    assert_gives_numbers(benchmark.measure(rounds=1))


def test_reading_links_gives_numbers() -> None:
    assert_gives_numbers(reading_links.measure(rounds=1, contacts=10))


def test_idle_memory_gives_numbers() -> None:
    assert_gives_numbers(idle_memory.measure(rounds=1, settle=0))


def test_the_processor_share_gives_numbers() -> None:
    assert_gives_numbers(processor_share.measure(rounds=1, seconds=0.3))


def test_requests_are_as_long_as_the_format_says() -> None:
    assert all(row.met for row in request_length.measure(rounds=1).rows)


def test_runs_take_turns_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []

    def run(name: str) -> int:
        order.append(name)
        return len(order)

    ours, theirs = interleaved(2, lambda: run("ours"), lambda: run("theirs"))

    assert order == ["ours", "theirs"] * 3
    assert (ours, theirs) == ([3, 5], [4, 6])


def test_a_ratio_is_taken_within_each_round() -> None:
    row = Row("ours", Samples.of([1, 20, 3]), "theirs", Samples.of([2, 10, 3]), goal=2)

    assert list(row.ratio.values) == [0.5, 2, 1]
    assert row.ratio.median == 1
    assert row.met is False


def test_the_readme_has_a_place_for_every_figure() -> None:
    samples = Samples.of([1, 2, 4])
    figures = [Figure(each.NAME, "", (Row(f"ours {each.NAME}", samples, "theirs", samples),)) for each in FIGURES]

    written = rewritten(README.read_text("utf-8"), figures, description())

    assert all(f"| ours {each.NAME} | 2 (1-4) | theirs | 2 (1-4) | 1 |  |" in written for each in FIGURES)
    assert rewritten(written, figures, description()) == written


def test_a_missing_place_in_the_readme_is_noticed() -> None:
    with pytest.raises(ValueError, match="machine"):
        rewritten("# Figures", [], description())
