"""The call log: no column is forgotten on its way from a call to its readers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import main
from bot.home import Home
from bot.kinds import Kind
from bot.page import view
from bot.texts import call_log
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.line_records import interrupted, record
from shared.call.records import CallRecord, RunningCall
from shared.call.table import Call, EndReason, State
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import Store

NODE = NodeId(b"anna" * 8)
ENDED = 1_700_000_300

RECORD = CallRecord(
    reference=b"12345678",
    peer=NODE,
    role="callee",
    media=Media.BOTH,
    started=1_700_000_000,
    connected=1_700_000_108,
    ended=ENDED,
    reason="stopped",
    automatic=True,
    proven=True,
    name="anna",
)
"No column has the value that it would have if it were forgotten."

OTHERS: dict[str, Any] = {
    "peer": NodeId(b"ben!" * 8),
    "role": "caller",
    "media": Media.AUDIO,
    "started": 1_600_000_000,
    "connected": None,
    "ended": ENDED + 100,
    "reason": "hung-up",
    "automatic": False,
    "proven": False,
    "name": "",
}
"Other values for the columns that people see."


def a_line() -> Line:
    """An ended call whose record should be RECORD."""
    return Line(
        1,
        Call(Role.CALLEE, True, State.ENDED, EndReason.STOPPED),
        CallLink(NODE, Media.BOTH, RECORD.started, reference=RECORD.reference, proven=True),
        chat="chat",
        expires=0,
        connection=ConnectionState(Media.BOTH, connected_at=RECORD.connected),
        shown=Presented("anna", automatic=True),
    )


def test_a_call_that_has_ended_is_written_with_every_column() -> None:
    assert record(a_line(), ENDED) == RECORD


def test_a_call_that_a_crash_has_ended_is_written_with_every_column() -> None:
    assert RECORD.connected is not None
    kept = RunningCall(
        reference=RECORD.reference,
        peer=NODE,
        role="callee",
        media=Media.BOTH,
        started=RECORD.connected,
        secret=bytes(32),
        created=RECORD.started,
        proven=True,
        automatic=True,
        name="anna",
    )
    assert interrupted(kept, ENDED) == RECORD


def test_no_column_of_the_example_is_its_default() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(CallRecord)}
    assert [name for name, default in defaults.items() if getattr(RECORD, name) == default] == []


def test_the_log_on_the_disk_has_every_column(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        store.end_call(RECORD)
        assert store.call_log(1) == [RECORD]


def test_the_page_and_the_chat_are_about_every_column_but_the_reference() -> None:
    assert {*OTHERS, "reference"} == {field.name for field in dataclasses.fields(CallRecord)}


@pytest.mark.parametrize("name", OTHERS)
def test_who_reads_the_log_sees_each_column(name: str) -> None:
    # Whether they had the key decides what they were told.
    reason = "busy" if name == "proven" else RECORD.reason
    one = dataclasses.replace(RECORD, reason=reason)
    other = dataclasses.replace(one, **{name: OTHERS[name]})
    assert view.logged(one, None, ()) != view.logged(other, None, ())
    if name != "peer":  # it has a name
        assert call_log.calls([one]) != call_log.calls([other])


def test_the_chat_lists_the_latest_calls() -> None:
    missed = dataclasses.replace(RECORD, connected=None, reason="missed", automatic=False)
    said = call_log.calls([RECORD, missed])
    assert said.kind == Kind.LOG
    first, second = said.sentence.splitlines()
    assert first.endswith("(they called, video, answered automatically, 3:12)")
    assert second.endswith("You missed a call from anna. (they called, video)")
    assert call_log.calls([]).sentence == "No call has ended yet."


def test_the_log_gives_no_advice_for_a_call_of_long_ago() -> None:
    unreachable = dataclasses.replace(RECORD, connected=None, reason="unreachable", automatic=False)
    assert call_log.calls([unreachable]).text.endswith("  anna couldn't be reached. (they called, video)")


def test_the_longest_list_fits_into_a_message() -> None:
    long = dataclasses.replace(RECORD, reason="busy", proven=False, name="n" * 64)
    listed = call_log.calls([long] * (call_log.SHOWN + 1))
    assert len(listed.text) <= 4096
    assert len(listed.sentence.splitlines()) == call_log.SHOWN
    assert listed.hint == "There are earlier calls: copybara log --calls 30"
    assert call_log.calls([long] * call_log.SHOWN).hint == ""


def test_the_command_line_lists_the_calls_that_ended_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    later = dataclasses.replace(RECORD, name="", connected=None, reason="missed", started=RECORD.started + 500)
    with Store(home.database) as store:
        store.end_call(RECORD)
        store.end_call(later)
    assert main(["--home", str(home.folder), "log"]) == 0
    assert capsys.readouterr().out == f"{call_log.calls([later, RECORD]).text}\n"
    assert main(["--home", str(home.folder), "log", "--calls", "1", "--json"]) == 0
    assert [call["reason"] for call in json.loads(capsys.readouterr().out)] == ["missed"]


def test_a_script_reads_every_column_that_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    home.prepare()

    def listed(record: CallRecord) -> object:
        with Store(home.database) as store:
            store.end_call(record)
        assert main(["--home", str(home.folder), "log", "--calls", "1", "--json"]) == 0
        return json.loads(capsys.readouterr().out)[0]

    before = listed(RECORD)
    assert all(listed(dataclasses.replace(RECORD, **{column: value})) != before for column, value in OTHERS.items())


def test_the_log_of_a_home_without_calls_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    assert main(["--home", str(home.folder), "log"]) == 0
    assert capsys.readouterr().out == "No call has ended yet.\n"
    assert main(["--home", str(home.folder), "log", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert not home.folder.exists()


@pytest.mark.parametrize("number", ["0", "many", "9" * 5000, "²"])
def test_a_number_of_calls_that_is_none_is_wrong_usage(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "--calls", number]) == 2
    assert "a whole number from 1 is needed" in capsys.readouterr().err
