"""What `copybara setup` goes through, as a table: to add a part is to add an entry. Each can be set up alone.

A messenger's part is made from its entry in bot/messengers/registry.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.asking import Asking
from bot.cli.setup import name, overlay, sound
from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.messengers.registry import MESSENGERS, Entry
from shared.config.schema import Config

SetUp = Callable[[Home, ConfigDraft, Asking], None]
"Asks what is needed, and puts what is to be written into the draft. Raises CopybaraError."

NextSteps = Callable[[Home, Config], Sequence[str]]
"What the person does after all is written, a line each."


@dataclass(frozen=True, slots=True)
class SetupPart:
    """One thing that is set up."""

    name: str
    "As in `copybara setup NAME`."

    set_up: SetUp
    next_steps: NextSteps = lambda home, config: ()
    tries: str = ""
    "If it only tries what is written already: the question whether to, unless it is asked for by its name."


def _messenger(entry: Entry) -> SetupPart:
    def set_up(home: Home, draft: ConfigDraft, asking: Asking) -> None:
        values = entry.setup.set_up(home, draft.config, asking)
        if values:
            draft.set_in(entry.name, values)

    def next_steps(home: Home, config: Config) -> Sequence[str]:
        return [entry.setup.next_step(home)] if entry.is_configured(config) else []

    return SetupPart(entry.name, set_up, next_steps)


def _in_the_end(home: Home, config: Config) -> Sequence[str]:
    return (
        "  copybara doctor   checks that calls can be made",
        "  copybara start    starts, and opens the page where you talk",
        "  copybara card     shows your contact card, to give to others",
    )


PARTS = (
    SetupPart("overlay", overlay.set_up),
    SetupPart("name", name.set_up, _in_the_end),
    *(_messenger(entry) for entry in MESSENGERS),
    SetupPart("sound", sound.set_up, tries="Try microphone, speaker and camera now?"),
)
