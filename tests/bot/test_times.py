"""Times are always written in the same form, in the computer's time zone and in no language."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bot.texts import call_log, devices
from bot.texts.times import date_and_time, lasted, time_of_day
from tests.bot.test_call_log import RECORD

MOMENT = 1_700_000_000
"2023-11-14, 22:13:20 in UTC."


@pytest.fixture(autouse=True)
def _in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone half an hour off most others, where it is the next day already."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


def test_a_moment_has_24_hours_and_the_year_first() -> None:
    assert (time_of_day(MOMENT), date_and_time(MOMENT)) == ("03:43", "2023-11-15 03:43")


def test_log_and_devices_write_it_alike() -> None:
    assert call_log.calls([RECORD]).text.startswith(date_and_time(RECORD.started))
    seen = devices.line(name="phone", address="", seen=MOMENT, connected=False)
    assert seen == f"phone: last seen {date_and_time(MOMENT)}"


def test_a_long_call_has_hours() -> None:
    assert [lasted(seconds) for seconds in (0, 59, 200, 3725)] == ["0:00", "0:59", "3:20", "1:02:05"]
