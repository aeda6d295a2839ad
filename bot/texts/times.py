"""Moments as people read them. On the page `moment` of peer/handset/static/dom.js does the same. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def time_of_day(moment: float) -> str:
    """`02:30` in this computer's time zone; `moment` is in Unix seconds."""
    return f"{_here(moment):%H:%M}"


def date_and_time(moment: float) -> str:
    """`2026-11-29 02:30`: no order of day and month to guess, and no language."""
    return f"{_here(moment):%Y-%m-%d %H:%M}"


def lasted(seconds: int) -> str:
    """`3:20`, or `1:02:05` for a call of more than an hour."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _here(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone()
