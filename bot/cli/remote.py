"""`copybara status`, `call`, `answer`, `hold` and the like: said to the copybara that runs with this home."""

from __future__ import annotations

from typing import Any

from bot.cli.as_typed import as_typed
from bot.command_socket import AskStatus, Say, ask
from bot.home import Home
from bot.kinds import Kind
from bot.slow_steps import said_if_slow
from bot.streams import print_json, print_text
from bot.texts import devices as texts
from shared.printable import visible


def say(home: Home, text: str, *, as_json: bool) -> int:
    """Say `text` as the owner and print what the bot answers. Raises NotRunning."""
    with said_if_slow(f"Waiting for copybara to carry out: {text.strip()}"):
        posts = ask(home.command_socket, Say(text)).posts
    if as_json:
        print_json({"posts": posts})
        return 0
    for post in posts:
        text = str(post["text"])
        print_text(text if post.get("kind") == Kind.TEXT else as_typed(text))
    return 0


def status(home: Home, *, as_json: bool) -> int:
    """Print what the running copybara is doing. Raises NotRunning."""
    answer: dict[str, Any] = _asked(home)
    if as_json:
        print_json(answer)
        return 0
    from rich.console import Console
    from rich.table import Table

    # No markup: names and reasons are others' words.
    console = Console(highlight=False, markup=False, emoji=False)
    overlay = answer["overlay"]
    print_text(f"node     {answer['node']}")
    print_text(f"overlay  {overlay['name']}, {overlay['error'] or overlay['address']}")
    if answer["handset"]:
        print_text(f"page     {answer['handset']}")
    for device in answer.get("devices", []):
        print_text(f"device   {visible(texts.line(**device))}")
    for notice in answer["notices"]:
        print_text(f"note     {notice}")
    if not answer["calls"]:
        print_text("calls    none")
        return 0
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("with", "state", "media", "seconds", "audio", "video", "lost", "round trip", "path", "refused"):
        table.add_column(heading)
    for call in answer["calls"]:
        table.add_row(
            visible(call["with"]),
            call["state"],
            call["media"],
            _or_dash(call["seconds"]),
            str(call["audio_packets_received"]),
            str(call["video_packets_received"]),
            str(call["lost"]),
            "-" if call["round_trip_ms"] is None else f"{call['round_trip_ms']} ms",
            f"{call['local'] or '-'} ↔ {call['remote'] or '-'}",
            ", ".join(f"{count} {cause}" for cause, count in call["refused"].items()) or "-",
        )
    console.print(table)
    return 0


def _asked(home: Home) -> dict[str, Any]:
    with said_if_slow("Waiting for copybara's answer"):
        return ask(home.command_socket, AskStatus()).status or {}


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
