"""Other people's names and words in the terminal are shown as they are, never obeyed as markup or a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.cli.remote import status
from bot.command_socket import Question, Reply, listening
from bot.home import Home
from bot.messengers.matrix.texts import listening as listening_in_matrix
from bot.messengers.telegram.texts import listening as listening_as
from bot.messengers.telegram.texts import unclaimed
from bot.messengers.terminal import say
from bot.terminal.qr_code import in_terminal, made, or_why_not
from bot.terminal.streams import print_text

HOSTILE = "[red]anna[/red][bold]\N{ESCAPE}[31m\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe:smile:"
"Rich's markup and emoji, a terminal's command, and a mark that reverses the line."

CALL = {
    "with": HOSTILE,
    "state": "active",
    "media": "audio",
    "seconds": 1,
    "audio_packets_received": 1,
    "video_packets_received": 0,
    "lost": 0,
    "round_trip_ms": None,
    "local": None,
    "remote": None,
    "refused": {"[blink]foreign[/blink]": 1},
}


async def test_a_name_with_markup_is_shown_as_it_is_in_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    home = Home(tmp_path / "home")
    home.prepare()

    async def answer(question: Question) -> Reply:
        overlay = {"name": "loopback", "address": HOSTILE, "error": None}
        return Reply(
            status={"node": "n", "overlay": overlay, "handset": None, "notices": [HOSTILE], "calls": [CALL]},
        )

    async with listening(home.command_socket, answer):
        code = await asyncio.to_thread(status, home, as_json=False)
    out = capsys.readouterr().out
    assert code == 0
    assert out.count("[red]anna[/red][bold]") == 3
    assert "[blink]foreign[/blink]" in out
    assert ":smile:" in out
    assert "\N{ESCAPE}" not in out
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in out


def test_lines_with_others_words_hold_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(f"a {HOSTILE}\nb")
    out = capsys.readouterr().out
    assert out.isprintable() or out.replace("\n", "").isprintable()
    assert out.count("\n") == 2


def test_what_a_messenger_says_in_the_terminal_holds_nothing_that_it_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    for said in (listening_as(HOSTILE), unclaimed(HOSTILE, "CODE"), listening_in_matrix(f"@{HOSTILE}:example.org")):
        say(said)
    written = capsys.readouterr().err
    assert written.count("[red]anna[/red][bold]") == 4
    assert written.replace("\n", "").isprintable()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_qr_code_in_a_terminal_is_read_back_whatever_its_colours_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, theme: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    link = "copybara:FQEghTxAUY4KH5USZGjacMajKPbbIoqG9Chwwrvaz1ugnx4CIBDTITlO_I7MgxZI6UeU0lToiJeM1SRtqzAcoWetis1Du6m7zQ"
    drawn = in_terminal(made(link))
    assert drawn is not None
    picture = tmp_path / "terminal.pgm"
    picture.write_bytes(photograph(drawn, background=255 if theme == "light" else 0))
    read = subprocess.run(["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == link


def test_a_window_that_is_too_small_for_the_qr_code_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    master, terminal = os.openpty()
    with open(master, "rb"), open(terminal, "w", encoding="utf-8") as shown, contextlib.redirect_stdout(shown):
        for columns, lines, said in ((200, 10, "make this window 2"), (20, 99, "takes colours and 49"), (200, 99, "")):
            monkeypatch.setenv("COLUMNS", str(columns))
            monkeypatch.setenv("LINES", str(lines))
            drawn = or_why_not(made("copybara:" + "a" * 90))
            assert (said or "▀") in drawn
            assert ("make this window" in drawn, "takes colours" in drawn) == ("make" in said, "takes" in said)


def test_the_qr_code_in_a_file_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, picture = tmp_path / "home", tmp_path / "card.png"
    code = main(["card", "--home", str(home), "--overlay", "loopback", "--qr", str(picture)])
    assert code == 0
    read = subprocess.run(["zbarimg", "--quiet", "--raw", str(picture)], capture_output=True, text=True, check=True)
    assert read.stdout.strip() in capsys.readouterr().out
    assert main(["card", "--home", str(home), "--overlay", "loopback", "--qr", str(tmp_path / "card.txt")]) == 1


def photograph(drawn: str, *, background: int) -> bytes:
    """The picture of a terminal with that background as PGM, 8 by 16 pixels per character, with a margin."""
    shades = {16: 0, 231: 255}
    rows: list[bytes] = []
    for line in drawn.splitlines():
        upper, lower, above, below = b"", b"", 0, 0
        for colours, block in re.findall(r"\x1b\[([\d;]*)m|(▀)", line):
            if block:
                upper += bytes([above] * 8)
                lower += bytes([below] * 8)
            elif colours != "0":
                numbers = colours.split(";")
                above, below = shades[int(numbers[2])], shades[int(numbers[5])]
        rows += [upper] * 8 + [lower] * 8
    edge = bytes([background] * 40)
    blank = bytes([background] * (80 + len(rows[0])))
    rows = [blank] * 40 + [edge + row + edge for row in rows] + [blank] * 40
    return b"P5 %d %d 255\n" % (len(blank), len(rows)) + b"".join(rows)


def test_who_wants_no_colours_gets_no_code_in_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["card", "--home", str(tmp_path / "home"), "--overlay", "loopback"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "copybara card --qr card.png" in said.out + said.err
