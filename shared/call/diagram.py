"""The call's table as a page for people. `python -m shared.call.diagram docs/call.md` writes it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from shared.call.effects import Effect, StartTimer
from shared.call.events import Event
from shared.call.table import LINKS, TABLE, Only, Rule, State
from shared.secrets.handshake import Role

_PAGE = """\
# The call

<!-- Written by `make docs` from shared/call/table.py; a test compares the two. -->

A call is a table: in each state, each event that is possible leads to one next state and to effects, which the
program around it carries out in the order in which they are listed. An event that isn't listed for a state is a
fault of our own program: it raises `LocalProtocolError` and changes nothing. `ended` is final and always has a reason.

Links are the exception. They come through a chat: late, twice, out of order, and in a first contact written by
anybody. So while a call lives, a link that isn't listed (`RemoteRinging`, `RemoteAccepted`, `RemoteDeclined`,
`RemoteBusy`, `RemoteCancelled`, `Glare`) changes nothing, and one that proves nothing is tried or noted but never
ends the call.

```mermaid
{diagram}
```

The two sides go different ways to `active` and are alike from there on. The caller of a one-link call waits in
`calling` until the callee's first authenticated check brings the leg up. In a first contact it tries every response
that it reads, and the first that connects is the call.

When both call each other (glare), both find the same winner from the two links. The side that lost answers the
winner's call beside its own, and lets go of its own only when the other is active: a request can be forged, a
connected leg can't.

Each side may put a call that was connected on hold, and it may be on hold on both. That is no state of its own: the
call is active, or being reconnected, as before. `Hold` in a call that we hold already, and `Resume` in one that we
don't, change nothing and have no effects; the same goes for what the other side says. See protocol.md, "Hold".

A program that was killed while a call was up begins it again with `Rejoin`, in `reconnecting`: it has all that dialling
again takes on the disk. See protocol.md, "Dialling again".

`shared/call/events.py` and `shared/call/effects.py` say what each event and effect means.

{table}
"""


def diagram() -> str:
    """The table as a Mermaid state diagram (stateDiagram-v2). What leaves a state as it is isn't drawn."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for origin in _TITLES:
        for event, rule in _rules(origin):
            start = "[*]" if isinstance(origin, Role) else origin
            labels = arrows.setdefault((start, rule.state), [])
            if rule.state != origin and type(event).__name__ not in labels:
                labels.append(type(event).__name__)
    lines = [f"    {start} --> {end} : {'<br/>'.join(labels)}" for (start, end), labels in arrows.items() if labels]
    return "\n".join(["stateDiagram-v2", *lines, f"    {State.ENDED} --> [*]"])


def table() -> str:
    """The table in Markdown, a section for each state; events with the same outcome share a row."""
    sections = []
    for origin, title in _TITLES.items():
        rows: dict[Rule, list[str]] = {}
        for event, rule in _rules(origin):
            if not _is_ignored_link(event, rule, origin):
                rows.setdefault(rule, []).append(f"`{_event(event)}`")
        lines = [
            f"| {', '.join(events)} | {_outcome(rule, origin)} | {_effects(rule)} |" for rule, events in rows.items()
        ]
        sections.append("\n".join([f"## {title}", "", "| event | next | effects |", "|---|---|---|", *lines]))
    return "\n\n".join(sections)


def page() -> str:
    """The whole of docs/call.md."""
    return _PAGE.format(diagram=diagram(), table=table())


_TITLES: dict[Role | State, str] = {
    Role.CALLER: "Beginning, as caller",
    Role.CALLEE: "Beginning, as callee",
    **{state: state.capitalize() for state in State if state is not State.ENDED},
}


def _rules(origin: Role | State) -> list[tuple[Event, Rule]]:
    return [(event, rule) for (state, event), rule in TABLE.items() if state == origin]


def _is_ignored_link(event: Event, rule: Rule, origin: Role | State) -> bool:
    return event in LINKS and rule.state == origin and not rule.effects


def _outcome(rule: Rule, origin: Role | State) -> str:
    if rule.on_hold is not None:
        return f"stays, {'on' if rule.on_hold else 'off'} hold"
    if rule.remote_on_hold is not None:
        return f"stays, {'on' if rule.remote_on_hold else 'off'} hold at the other side"
    if rule.reason is not None:
        return f"**{rule.state}**: {rule.reason}"
    return "stays" if rule.state == origin else f"**{rule.state}**"


def _effects(rule: Rule) -> str:
    return ", ".join(_effect(effect) for effect in rule.effects) or "none"


def _effect(effect: Effect | Only) -> str:
    match effect:
        case Only():
            return f"{_effect(effect.effect)} ({'one-link call' if effect.paired else 'first contact'})"
        case StartTimer():
            return f"`StartTimer({effect.timer})`"
        case _:
            return f"`{type(effect).__name__}`"


def _event(event: Event) -> str:
    """As it is written in Python, without what makes no difference to the table."""
    flags = [name for name, kind in inspect.get_annotations(type(event)).items() if kind == "bool"]
    values = ", ".join(f"{name}={getattr(event, name)}" for name in flags)
    return f"{type(event).__name__}({values})"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
