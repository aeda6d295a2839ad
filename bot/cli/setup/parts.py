"""The parts of `copybara setup`, as a table: adding a part means adding an entry. Each can be set up alone.

A messenger's part is made from its entry in bot/messengers/registry.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot import for_administrator
from bot.cli.setup import name, overlay, sound
from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.messengers.registry import MESSENGERS, Entry
from bot.terminal.asking import Asking
from shared.config.schema import Config
from shared.errors import InputError

SetUp = Callable[[Home, ConfigDraft, Asking], None]
"Asks what is needed, and puts changes into the draft. Raises CopybaraError."

NextSteps = Callable[[Home, Config], Sequence[str]]
"The next steps for the person after everything is written, one per line."


@dataclass(frozen=True, slots=True)
class SetupPart:
    """One part of the set-up."""

    name: str
    "Its name in `copybara setup NAME`."

    set_up: SetUp
    first: str = ""
    "Its first question, by its name in bot/terminal/asking.py. Empty if no answer can be given beforehand."

    secret: bool = False
    "Whether that answer must not be on a command line, which other users can read."

    is_set_up: Callable[[Config], bool] = lambda config: True
    "Whether it is set up already, if there is a configuration."

    next_steps: NextSteps = lambda home, config: ()
    messenger: Entry | None = None
    "Its messenger."

    is_of_use: Callable[[Config], bool] = lambda config: True
    "Whether it is useful with a configuration, unless a person asks for it by name."

    tries: str = ""
    "If it only tries out the configuration: the question whether to do so, unless a person asks for it by name."


def _messenger(entry: Entry) -> SetupPart:
    def set_up(home: Home, draft: ConfigDraft, asking: Asking) -> None:
        values = entry.setup().set_up(home, draft.config, asking)
        if values:
            draft.set_in(entry.name, values)

    def next_steps(home: Home, config: Config) -> Sequence[str]:
        return [entry.setup().next_step(home)] if entry.is_configured(config) else []

    return SetupPart(
        entry.name,
        set_up,
        entry.asks_first,
        entry.asks_a_secret,
        entry.is_configured,
        next_steps,
        messenger=entry,
    )


def _in_the_end(home: Home, config: Config) -> Sequence[str]:
    usual = _usual_next(config)
    if config.overlay != "loopback" and for_administrator.handed_over(home):
        return ("  First an administrator runs this:", f"    {for_administrator.command(home)}", *usual)
    return usual


def _usual_next(config: Config) -> Sequence[str]:
    if config.overlay == "loopback":
        return (
            "  copybara start           opens your page: try a call with yourself",
            "  copybara setup overlay   sets up a network in which friends can be reached",
        )
    return (
        "  copybara start    opens your page: try a call with yourself, then call a friend",
        "  copybara invite   prints a text for a friend who doesn't have Copybara yet",
        "  copybara doctor   says what is missing, should a call fail",
    )


def after_one(home: Home, config: Config) -> Sequence[str]:
    """The next steps after only one part was set up: the other parts, unless they were done before."""
    rest = () if config.name else ("  copybara setup    goes on with the rest: your name, and who carries your links",)
    return (*rest, *_in_the_end(home, config))


PARTS = (
    SetupPart("overlay", overlay.set_up, "overlay"),
    SetupPart("name", name.set_up, "name", next_steps=_in_the_end),
    *(_messenger(entry) for entry in MESSENGERS),
    SetupPart("sound", sound.set_up, is_of_use=sound.is_of_use, tries="Try microphone, speaker and camera now?"),
)


CARRIER = "Who carries the links to your friends?"
NOBODY = "I do: I paste them into any chat that we share (later: `copybara setup matrix`, `deltachat` or `telegram`)"


def in_turn(draft: ConfigDraft, asking: Asking) -> Iterator[SetupPart]:
    """All parts, one after the other. A person is asked once which messenger they want, not about each."""
    wanted: Sequence[SetupPart] | None = None
    for part in PARTS:
        if part.messenger is not None and asking.answers.only_prints:
            continue  # a messenger needs nothing from root
        if part.messenger is not None and asking.at_terminal:
            if wanted is None:
                wanted = _messengers(draft.config, asking)
            if part not in wanted:
                continue
        yield part


def _messengers(config: Config, asking: Asking) -> Sequence[SetupPart]:
    """The messengers that are configured or have given answers. Otherwise the one that the person chooses."""
    offered = [(part, part.messenger) for part in PARTS if part.messenger is not None]
    known = [part for part, entry in offered if entry.is_configured(config) or asking.answers.about(part.name)]
    if known:
        return known
    while (chosen := asking.choose(CARRIER, [NOBODY, *(entry.offer for _, entry in offered)])) > 1:
        part, entry = offered[chosen - 2]
        try:
            entry.check_installed()
        except InputError as error:
            asking.say(
                f"{error.sentence} {error.hint}",
                "Do that in another terminal and choose it again, or choose something else.",
            )
        else:
            return [part]
    return []
