"""`copybara status` as lines for a terminal: the most important ones first, addresses last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.terminal.wrapping import wrapped
from bot.texts import devices as texts
from bot.texts.as_typed import as_typed
from bot.texts.times import lasted
from shared.printable import visible

LABEL = 8
"The width of the labels in columns. A node id of 52 characters then fits into 60 columns."

LEAST = 40
"The smallest width in columns. A narrower terminal breaks the lines itself."


def status_lines(answer: Mapping[str, Any], width: int) -> list[str]:
    """The lines. `answer` is the running program's reply (docs/console.md). Addresses are never broken."""
    overlay = answer["overlay"]
    lines = [
        *_labelled("node", answer["node"], width),
        *_labelled("overlay", f"{overlay['name']}, {overlay['error'] or overlay['address']}", width),
    ]
    if overlay.get("connected") is False:
        lines += _labelled("", overlay["notice"], width)
    if answer["handset"]:
        lines += _labelled("page", answer["handset"], width)
    for device in answer.get("devices", []):
        lines += _labelled("device", texts.line(**device), width)
    for notice in answer["notices"]:
        lines += _labelled("note", as_typed(notice), width)
    for call in answer["calls"]:
        about = list(_about(call))
        lines += _labelled("call", about[0], width)
        for each in about[1:]:
            lines += _labelled("", each, width)
    return lines if answer["calls"] else [*lines, *_labelled("calls", "none", width)]


def _labelled(label: str, text: str, width: int) -> list[str]:
    return wrapped(f"{label:{LABEL}}{visible(text)}", max(width, LEAST), hanging=LABEL).split("\n")


def _about(call: Mapping[str, Any]) -> Iterator[str]:
    """One or more lines about a call. A program of an earlier version gives fewer values."""
    known = [str(call["state"]), str(call["media"])]
    if call["seconds"] is not None:
        known.append(lasted(int(call["seconds"])))
    states = {
        "on_hold": "on hold",
        "remote_on_hold": "they have you on hold",
        "recording": "you record it",
        "remote_recording": "they record it",
        "conversation": "in a conversation of several",
    }
    known += [words for name, words in states.items() if call.get(name)]
    yield f"{call['with']}: {', '.join(known)}"
    if call["seconds"] is not None:
        sound, pictures = call["audio_packets_received"], call["video_packets_received"]
        back = "" if call["round_trip_ms"] is None else f", round trip {call['round_trip_ms']} ms"
        yield f"received {sound} packets of sound and {pictures} of video, {call['lost']} lost{back}"
    if refused := ", ".join(f"{count} {cause}" for cause, count in call["refused"].items()):
        yield f"refused {refused}"
    yield from (f"{way} {call[end]}" for way, end in (("from", "local"), ("to", "remote")) if call[end])
