"""Each target for a moment, and every input that once did harm."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import FOUND, TARGETS, found


def test_what_is_kept_belongs_to_a_target() -> None:
    assert {path.parent.name for path in FOUND.glob("*/*")} <= {name.replace(" ", "-") for name in TARGETS}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_what_it_begins_with_and_what_once_did_harm(name: str) -> None:
    for data in (*TARGETS[name].seeds, *(path.read_bytes() for path in found(name))):
        TARGETS[name].meet(data)


def inputs(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Any bytes, and seeds with some of their bytes replaced, left out or repeated."""
    if not seeds:
        return st.binary(max_size=400)

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(1, 4))):
            start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
            data = data[:start] + draw(st.one_of(st.binary(max_size=8), st.just(data[start:end] * 2))) + data[end:]
        return data

    return st.one_of(changed(), st.binary(max_size=400))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_end_in_a_value_or_in_a_known_error(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(inputs(target.seeds))
    def meets(data: bytes) -> None:
        target.meet(data)

    meets()
