"""Other people's words in the log: each is on one line, and no terminal obeys them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.printable import escaped
from tests.shared.test_printable import NEEDED

HOSTILE = "M_X\x1b[2J\r\n2026-11-28 bot: all is well\u202egnp.exe\u2066\x9b31m\x00\u200b\ud800\U000e0041"

PROGRAM = """
import logging, sys
from bot.cli.log_lines import set_up_logging

set_up_logging(verbose=sys.argv[1] == "verbose")
words = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
logging.getLogger("bot.messengers.matrix.wire").warning("The server refuses a message: %s", words)
try:
    raise ValueError(words)
except ValueError:
    logging.getLogger("peer.overlay").warning("broke", exc_info=True)
"""


@pytest.mark.parametrize("how", ["verbose", "as always"])
def test_a_servers_words_are_one_line_of_the_log_without_anything_that_a_terminal_obeys(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        input=HOSTILE.encode("utf-8", "surrogatepass"),
        capture_output=True,
        check=True,
    )
    written = done.stderr.decode()
    first, broke, *traceback = written.splitlines()
    assert r"M_X\x1b[2J\r\n2026-11-28 bot: all is well\u202egnp.exe" in first
    assert broke.endswith("broke")
    assert traceback
    assert all(line.startswith("  ") for line in traceback)
    assert not set(written) & set("\x1b\r\u202e\u2066\x9b\x00\u200b\U000e0041")


def test_what_belongs_into_words_and_pictures_stays_in_a_log_line() -> None:
    assert [escaped(text) for text in NEEDED] == NEEDED
    assert escaped("grüße, мир") == "grüße, мир"
