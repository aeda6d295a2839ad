"""The text of a call's message, which is kept up to date. Pure."""

from __future__ import annotations

from bot.messengers.telegram.outgoing import Shown
from bot.messengers.telegram.render import as_html
from peer.calls.line import Line
from peer.calls.line_records import report as line_report
from peer.media import HANDSET
from shared.call.table import State

GOOD_LOSS, FAIR_LOSS = 0.01, 0.05
GOOD_MS, FAIR_MS = 150, 400
"A call is good or fair up to these shares of lost packets and round trips in milliseconds (ITU-T G.114: 150, 400 ms)."


def text_of(shown: Shown, line: Line | None) -> str:
    """The message as HTML: the call's state, and while it is connected its length, its quality and both addresses."""
    text = as_html(shown.text)
    if line is None or line.call.state is not State.ACTIVE:
        return text
    report = line_report(line)
    seconds = int(float(str(report["seconds"] or 0)))
    parts = [f"{seconds // 60}:{seconds % 60:02}", _quality(report)]
    if report["local"] and report["remote"]:
        parts.append(f"<code>{report['local']}</code> to <code>{report['remote']}</code>")
    return f"{text}\n{', '.join(parts)}"


def leads_to_handset(line: Line | None) -> bool:
    """Whether the handset page is of use: the call rings, or the owner talks at the page."""
    if line is None or line.call.ended:
        return False
    return line.call.state is State.RINGING or HANDSET in (line.shown.endpoint or "").split("+")


def _quality(report: dict[str, object]) -> str:
    received = _number(report, "audio_packets_received") + _number(report, "video_packets_received")
    lost = _number(report, "lost")
    loss = lost / (received + lost) if received + lost else 0.0
    round_trip = report["round_trip_ms"]
    milliseconds = float(str(round_trip)) if round_trip is not None else 0.0
    if not received:
        return "nothing heard yet"
    if loss <= GOOD_LOSS and milliseconds <= GOOD_MS:
        word = "good"
    elif loss <= FAIR_LOSS and milliseconds <= FAIR_MS:
        word = "fair"
    else:
        word = "poor"
    return f"{word} connection ({milliseconds:.0f} ms, {loss:.1%} lost)"


def _number(report: dict[str, object], key: str) -> int:
    return int(str(report[key]))
