"""`python -m tests.bot.sleeper …`: `copybara` on a machine that slept for ten minutes before the start."""

from __future__ import annotations

import sys

from bot.cli.main import main
from tests.shared.sleeping import sleep

if __name__ == "__main__":
    sleep()
    sys.exit(main())
