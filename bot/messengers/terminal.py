"""What a messenger writes on the terminal, or into the service's journal."""

from __future__ import annotations

import sys

from bot.kinds import Sentence
from bot.messengers import texts
from bot.terminal.streams import as_wide_as
from shared.printable import visible


def say(sentence: Sentence) -> None:
    """Write a sentence to stderr. Names in it are what a server says."""
    sys.stderr.write(f"{as_wide_as(sys.stderr, visible(sentence.text, lines=True))}\n")


def say_of_failure(part: str) -> None:
    """Say that a part of the messenger failed and was started again."""
    say(texts.began_again(part))
