"""Only a line's own methods replace its values, and only peer/calls calls these methods."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest

from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.line_records import rejoined, report
from shared.call.records import RunningCall
from shared.call.table import Call, State
from shared.contacts import Contact
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from tests.syntax import parsed

CONTACT = Contact(name="anna", node=NodeId(bytes(32)), created=1)

ROOT = Path(__file__).parents[3]

CHANGES = {name for name, member in inspect.getmembers(Line, inspect.isfunction) if not name.startswith("_")}
"The methods of a line. Everything that can be read is a property."

LINES = {"line", "before", "other", "ours", "theirs", "twin", "latest"}
"The names of variables that hold lines in the program."

SESSION_CHANGES = {"end", "show_media", "write", "redial", "attempt", "expect", "open"}


def a_line() -> Line:
    link = CallLink(NodeId(bytes(32)), Media.BOTH, created=1)
    return Line(1, Call(Role.CALLER, paired=False, state=State.CALLING), link, chat="chat", expires=601)


READABLE = sorted(name for name, _ in inspect.getmembers(Line, lambda member: isinstance(member, property)))


@pytest.mark.parametrize("name", READABLE)
def test_what_can_be_read_of_a_line_cannot_be_assigned(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(a_line(), name, None)


@pytest.mark.parametrize("part", [CallLink, ConnectionState, Presented])
def test_the_parts_of_a_line_are_values(part: type) -> None:
    value = {type(each): each for each in (a_line().link, a_line().connection, a_line().shown)}[part]
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_a_line_is_changed_by_its_methods() -> None:
    line = a_line()
    before = line.connection
    line.agree_media(Media.AUDIO)
    line.remote_sends(MediaState(audio=True, video=False))
    line.media_arrived("audio", 2.0)
    line.is_with(CONTACT)
    assert (line.media, line.link.media, before.media) == (Media.AUDIO, Media.BOTH, Media.BOTH)
    assert before.first_media == {}
    assert line.name == "anna"
    assert report(line)["media"] == Media.AUDIO.words


def named(node: ast.expr) -> str:
    """The last name of an expression, such as `line` for `self.line`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def changes(tree: ast.AST) -> list[int]:
    """The line numbers at which a line, or its session, is changed."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=attr)):
                of_line = named(value) in LINES and attr in CHANGES
                if of_line or (named(value) == "session" and attr in SESSION_CHANGES):
                    found.append(node.lineno)
            case ast.Attribute(value=value, ctx=ast.Store()) if named(value) in LINES:
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    "source", ["line.is_with(None)", "reading.line.put(HangUp())", "line.session.end(None)", "line.media = media"]
)
def test_a_change_is_found(source: str) -> None:
    assert changes(parsed(source)) == [1]


def test_only_the_calls_themselves_change_a_line() -> None:
    outside = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "peer" / "handset").rglob("*.py")]
    assert len(outside) > 50
    found = [f"{path}:{line}" for path in outside for line in changes(parsed(path.read_text()))]
    assert found == []


def _fields(value: CallLink | Presented | Call) -> set[str]:
    return {field.name for field in dataclasses.fields(value)}


RECORDING = {"recording", "recording_refused"}
"The session uses these: tests/bot/test_recording.py."


@pytest.mark.parametrize(
    "name",
    [each.name for each in dataclasses.fields(RunningCall) if each.type == "bool" and each.name not in RECORDING],
)
def test_what_is_kept_of_a_call_comes_back_with_it(name: str) -> None:
    kept = RunningCall(
        reference=bytes(8), peer=NodeId(bytes(32)), role="callee", media=Media.BOTH, started=1, secret=bytes(32)
    )
    values = []
    for value in (False, True):
        call = Call(Role.CALLEE, paired=value if name == "paired" else False, state=State.RECONNECTING)
        changed: dict[str, Any] = {name: value}
        line = rejoined(1, call, dataclasses.replace(kept, **changed), None, lifetime=600, awaited_until=0)
        parts = [getattr(part, name) for part in (line.link, line.shown, line.call) if name in _fields(part)]
        values.append(parts or [getattr(line, name)])
    assert values[0] != values[1]
    assert [not value for value in values[0]] == values[1]
