"""`copybara setup` (formerly `init`): from nothing to a first call, one part after the other.

Start at parts.py, the table of the parts; yggdrasil/ installs that overlay. bot/terminal/asking.py asks questions, or
answers them if nobody is at a terminal. bot/config_draft.py holds the changes to the configuration. Running it again
changes nothing. May import what the command line may.
"""

from __future__ import annotations

from dataclasses import replace

from bot import for_administrator
from bot.cli.setup.parts import PARTS, SetupPart, after_one, in_turn
from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.terminal.asking import SETUP, Answers, Asking, Stopped, until_stopped, variable
from shared.errors import CopybaraError, InputError
from shared.sentences import joined

ALWAYS = ("overlay", "name")
"The parts that a new home needs answers for: someone who wants to be called can't mean the defaults."

NOBODY_TO_ASK = "Set-up asks questions, and there is no terminal here to ask at. Nobody has said: {missing}."

HOW_TO_ANSWER = "Give {flags}. {defaults}Or run it in a terminal."

LEFT = "The configuration was left as it is."

KEPT = "What you answered before that is kept: run `copybara setup` again, and it goes on from there."

DEFAULTS = "With --yes what isn't given gets its default, and Yggdrasil is installed if no overlay runs here. "


def setup(home: Home, answers: Answers, *, part: str | None = None, answer: str | None = None) -> int:
    """Go through all parts, or only one, and write what has changed. Raises CopybaraError.

    `answer` answers the first question of that part. Without a terminal, all required answers must be there before
    anything begins.
    """
    if part is not None and answer is not None:
        answers = _with(answers, _named(part)[0], answer)
    asking = Asking(answers, SETUP if part is None else f"{SETUP} {part}")
    draft = ConfigDraft.of(home)
    _check_answered(draft, asking, part)
    if not answers.only_prints:
        home.prepare()
    chosen: list[SetupPart] = []
    try:
        with until_stopped(asking.command):
            for each in in_turn(draft, asking) if part is None else _named(part):
                chosen.append(each)
                if not each.tries:
                    each.set_up(home, draft, asking)
    except CopybaraError as error:
        wrote = asking.at_terminal and len(chosen) > 1 and draft.write()
        if isinstance(error, Stopped):
            _say_what_stays(error, home, draft)
        elif wrote:
            error.hint = joined(error.hint, KEPT)
        raise
    if answers.only_prints:
        return 0
    if not all(each.tries for each in chosen):
        wrote = draft.write()
        home.load_sealing_key()
        asking.say(f"Wrote {draft.path}" if wrote else f"Nothing has changed in {draft.path}")
    for each in chosen:
        if not each.tries or (part is None and not each.is_of_use(draft.config)):
            continue
        try:
            with until_stopped(asking.command):
                if part is not None or asking.yes(each.tries, default=asking.at_terminal):
                    each.set_up(home, draft, asking)
        except Stopped:
            if part is not None:
                raise
            asking.say(f"You stopped. To try that later: {SETUP} {each.name}")
    usual = after_one(home, draft.config) if part not in (None, "name") else ()
    steps = (line for each in chosen for line in each.next_steps(home, draft.config))
    asking.say("", "Next:", *asking.put_off, *usual, *steps)
    return 0


def _say_what_stays(stopped: Stopped, home: Home, draft: ConfigDraft) -> None:
    """Add to the message what the set-up has kept so far, and how to continue."""
    if draft.has_written:
        stopped.hint = KEPT
    else:
        stopped.sentence = joined(stopped.sentence, LEFT)
    if for_administrator.handed_over(home):
        stopped.hint = joined(
            stopped.hint, f"An administrator can run this meanwhile: {for_administrator.command(home)}"
        )


def _with(answers: Answers, part: SetupPart, answer: str) -> Answers:
    """Add an answer from the command line. Raises InputError if the part takes none."""
    if not part.first:
        raise InputError(
            f"`copybara setup {part.name}` takes nothing after it.", f"Run just: copybara setup {part.name}"
        )
    if part.secret:
        raise InputError(
            "That would be a secret on the command line, where other users can read it.",
            f"Paste it when `copybara setup {part.name}` asks for it. From a script: {variable(part.first)}",
        )
    return replace(answers, given={**answers.given, part.first: answer})


def _check_answered(draft: ConfigDraft, asking: Asking, name: str | None) -> None:
    """Raise InputError if a required answer is missing and nobody can be asked."""
    if asking.at_terminal or asking.takes_defaults:
        return
    if name is None:
        asked = [part for part in PARTS if part.name in ALWAYS] if draft.is_new else []
    else:
        asked = [part for part in _named(name) if part.first and (draft.is_new or not part.is_set_up(draft.config))]
    if missing := [part for part in asked if asking.answers.get(part.first) is None]:
        flags = " and ".join(f"--{part.first}" if part.name in ALWAYS else variable(part.first) for part in missing)
        raise InputError(
            NOBODY_TO_ASK.format(missing=" and ".join(part.name for part in missing)),
            HOW_TO_ANSWER.format(flags=flags, defaults=DEFAULTS if name in (None, "overlay") else ""),
        )


def _named(name: str) -> list[SetupPart]:
    return [part for part in PARTS if part.name == name]
