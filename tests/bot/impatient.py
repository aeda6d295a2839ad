"""`python -m tests.bot.impatient …`: `copybara` that dials a lost path for some seconds instead of a minute."""

from __future__ import annotations

import sys

from bot.cli.main import main
from peer.calls import runner

SECONDS = 2.0


def begin() -> None:
    """Make calls give up after SECONDS."""
    runner.REDIAL_SECONDS = SECONDS  # type: ignore[attr-defined]


if __name__ == "__main__":
    begin()
    sys.exit(main())
