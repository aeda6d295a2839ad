"""`copybara bugreport`: one file for a maintainer, without anything private. The person sees it and is asked first.

Start at sections.py, which has the contents. The report is made of an allow-list: only words of this program's own
source, short numbers and versions (vocabulary.py, scrubber.py), and none of these if this home has it as a name
(private.py). Nothing is sent anywhere. May import what the command line may.
"""

from __future__ import annotations

import time
from pathlib import Path

from bot.cli.bugreport.private import of_home
from bot.cli.bugreport.scrubber import Scrubber
from bot.cli.bugreport.sections import report
from bot.cli.bugreport.vocabulary import own_vocabulary
from bot.home import Home
from bot.terminal.asking import Answers, Asking
from shared.errors import InputError
from shared.store.files import known_errors, write_new_file

ABOVE = "This is what a maintainer would get. … stands where something private may have been.\n"

SHOWN_ONLY = "Nothing was written. To write it: copybara bugreport --yes"


def bugreport(home: Home, *, log: Path | None, output: Path | None, yes: bool) -> int:
    """Show the report, and write it to a new file if the person agrees.

    `log` is a file whose last lines replace those of the service's log. Raises StoreError, InputError.
    """
    path = output or Path(f"copybara-bugreport-{time.strftime('%Y%m%d-%H%M%S')}.txt")
    with known_errors(path):
        if path.exists():
            raise InputError(f"{path} is there already.", "Give another file with --output.")
    asking = Asking(Answers(yes=yes), "copybara bugreport")
    asking.say("Collecting, some seconds …", "")
    text = report(home, Scrubber(own_vocabulary(), of_home(home)), log)
    asking.say(ABOVE)
    asking.say(text, to_copy=True)
    if not (yes or asking.yes(f"Write this into {path}?", default=False)):
        asking.say(SHOWN_ONLY)
        return 0
    write_new_file(path, text.encode())
    asking.say(f"Wrote {path}. Nothing was sent: read it once more, then attach it to your report.")
    return 0
