"""docs/call.md agrees with the table."""

from __future__ import annotations

from pathlib import Path

from shared.call.diagram import diagram, page, table
from shared.call.table import LINKS, TABLE, State
from shared.secrets.handshake import Role

DOCUMENT = Path(__file__).parents[3] / "docs" / "call.md"


def test_the_page_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_diagram_has_every_way_from_one_state_to_another() -> None:
    drawn = set()
    for line in diagram().splitlines()[1:-1]:
        arrow, _, events = line.strip().partition(" : ")
        start, _, end = arrow.partition(" --> ")
        drawn |= {(start, end, event) for event in events.split("<br/>")}
    assert drawn == {
        ("[*]" if isinstance(origin, Role) else str(origin), str(rule.state), type(event).__name__)
        for (origin, event), rule in TABLE.items()
        if rule.state != origin
    }


def test_the_table_has_every_event_but_the_links_that_change_nothing() -> None:
    shown = sum(line.partition(" | ")[0].count("`") // 2 for line in table().splitlines() if line.startswith("| `"))
    ignored = [
        event for (origin, event), rule in TABLE.items() if event in LINKS and rule.state == origin and not rule.effects
    ]
    assert shown == len(TABLE) - len(ignored)


def test_every_state_that_can_be_left_has_its_section() -> None:
    for state in State:
        assert (f"## {state.capitalize()}\n" in table()) is (state is not State.ENDED)
