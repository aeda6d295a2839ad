"""Draws the demo: the chat as the two people see it, then a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLOURS = {"Anna": "cyan", "Bob": "magenta"}
MARGIN = 11


class DemoConsole(Console):
    """A console whose reader may leave, as `head` does. rich would then end whatever task prints next."""

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True


class DemoScreen:
    """Prints the conversation. Typed and posted texts have the person's colour; what only the owner sees is dim."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._prints = not console.quiet

    def check(self) -> None:
        """Raise BrokenPipeError if nobody reads any more."""
        if self._prints and self._console.quiet:
            raise BrokenPipeError

    def heading(self, text: str) -> None:
        """Begin a new scene."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def say(self, text: str) -> None:
        """Print the narrator's text."""
        self._line("", Text(text, style="dim italic"))

    def typed(self, name: str, text: str) -> None:
        """Print what a person writes to their own bot."""
        self._line(name, Text(text, style=f"bold {COLOURS[name]}"), "$")

    def posted(self, name: str, text: str) -> None:
        """Print what a person's bot writes in the chat."""
        self._line(f"{name} ✉", Text(text, style=COLOURS[name]), "│")

    def told(self, name: str, text: str) -> None:
        """Print what a bot tells its owner."""
        self._line(f"{name}'s bot", Text(text, style="dim"), " ")

    def _line(self, who: str, body: Text, mark: str = " ") -> None:
        width = max(8, self._console.width - MARGIN - 2)
        for number, line in enumerate(_wrapped(body.plain, width)):
            head = who if number == 0 else ""
            self._console.print(
                Text.assemble((f"{head:>{MARGIN - 1}} ", "dim"), (f"{mark} ", "dim"), (line, body.style)),
                no_wrap=True,
                overflow="ignore",
                crop=False,
            )


LEGEND = """\
[dim]link: characters of each. media in: from reading the last link, or answering,
to the first packet received. audio, video, lost: packets on that side.
Media went between these addresses and nowhere else. Loopback gives no privacy:
for real calls, `copybara setup` is next."""

OUTCOMES = {"remote-declined": "declined", "already-used": "refused"}


def table(results: list[dict[str, Any]]) -> Table:
    """The measurements, with a row for each person of each call. It is 80 columns wide."""
    drawn = Table(
        title="What was measured",
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    drawn.add_column("call", no_wrap=True)
    for heading in ("link", "", "media in", "audio", "video", "lost"):
        drawn.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    drawn.add_column("address used", no_wrap=True)
    for result in results:
        links = "+".join(map(str, result["links"]))
        people = result.get("people")
        if people is None:
            drawn.add_row(result["name"], links, "", OUTCOMES[result["outcome"]])
            continue
        for number, (name, measured) in enumerate(people.items()):
            drawn.add_row(
                result["name"] if number == 0 else "",
                links if number == 0 else "",
                f"[{COLOURS[name]}]{name}",
                f"{measured['first_media_ms']:.0f} ms",
                str(measured["audio_packets_received"]),
                str(measured["video_packets_received"]),
                str(measured["lost"]),
                measured["local"],
            )
    return drawn


TABLE_COLUMNS = 78
"The width of `table`. A narrower window would cut it."


def lines(results: list[dict[str, Any]]) -> Iterator[str]:
    """The measurements for a narrow window, with a line for each value."""
    for result in results:
        yield f"{result['name']}: links of {' and '.join(map(str, result['links']))} characters"
        if result.get("people") is None:
            yield f"  {OUTCOMES[result['outcome']]}"
            continue
        for name, measured in result["people"].items():
            yield f"  {name}: media in after {measured['first_media_ms']:.0f} ms"
            yield f"    audio {measured['audio_packets_received']}, video {measured['video_packets_received']} packets"
            yield f"    {measured['lost']} lost"
            yield f"    {measured['local']}"


def _wrapped(text: str, width: int) -> list[str]:
    return [part for line in text.splitlines() for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]
