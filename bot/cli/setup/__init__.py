"""`copybara setup`, whose old name is `init`: from nothing to a first call, one part after the other.

Start at parts.py, the table of the parts. bot/asking.py asks questions, or answers them where nobody sits at a
terminal; bot/config_draft.py holds what is to be written into the configuration. Doing it twice changes nothing. May
import what the command line may.
"""

from __future__ import annotations

from bot.asking import Answers, Asking, until_stopped
from bot.cli.setup.parts import PARTS, SetupPart, in_turn
from bot.config_draft import ConfigDraft
from bot.home import Home


def setup(home: Home, answers: Answers, *, part: str | None = None) -> int:
    """Go through all parts, or only one, and write what has changed. Raises CopybaraError."""
    asking = Asking(answers)
    if not answers.only_prints:
        home.prepare()
    draft = ConfigDraft.of(home)
    chosen: list[SetupPart] = []
    with until_stopped():
        for each in in_turn(draft, asking) if part is None else _named(part):
            chosen.append(each)
            if not each.tries:
                each.set_up(home, draft, asking)
    if answers.only_prints:
        return 0
    if not all(each.tries for each in chosen):
        wrote = draft.write()
        home.load_sealing_key()
        asking.say(f"Wrote {draft.path}" if wrote else f"Nothing has changed in {draft.path}")
    for each in chosen:
        if each.tries and (part is not None or asking.yes(each.tries, default=asking.at_terminal)):
            each.set_up(home, draft, asking)
    if part is None:
        asking.say("", "Next:", *(line for each in chosen for line in each.next_steps(home, draft.config)))
    return 0


def _named(name: str) -> list[SetupPart]:
    return [part for part in PARTS if part.name == name]
