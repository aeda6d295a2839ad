"""Checks of the Telegram bot: its token, its ways, and the difference between Telegram's clock and ours."""

from __future__ import annotations

import email.utils
import os
import time

from bot.cli.doctor.check import Check
from bot.home import Home
from bot.messengers.telegram import switches
from bot.messengers.telegram.setup import look
from bot.messengers.telegram.token import VARIABLE, read_token, silence
from bot.terminal.as_root import as_root
from shared.config.schema import Config
from shared.errors import CopybaraError, MessengerError

CLOCKS_DIFFER_SECONDS = 60
"With a larger difference a link may be refused, because the other side's clock may be wrong too."


def bot(home: Home, config: Config) -> list[Check]:
    """Ask Telegram about the bot (getMe), without reading any message."""
    if config.telegram.token == "environment" and not os.environ.get(VARIABLE):  # noqa: S105 - the name of a place
        detail = f"The variable {VARIABLE} isn't set here, so the bot's token can't be checked."
        return [Check("telegram", ok=True, note=True, detail=detail, hint="`copybara run` needs it.")]
    try:
        token = read_token(home, config.telegram)
        silence(token)
        answer = switches.asked(token.reveal(), config.telegram.base_url, "getMe")
        me = switches.result_of(answer)
    except MessengerError as error:
        hint = error.hint if "says" in error.sentence else "Calls of the console and the page need no Telegram."
        return [Check("telegram", ok=False, detail=error.sentence, hint=hint)]
    except CopybaraError as error:
        return [Check.failed("telegram", error)]
    return [_owner(home, config), *_clock(answer), *(_ways(me) if isinstance(me, dict) else [])]


def _ways(me: dict[str, object]) -> list[Check]:
    """Each way into Telegram. None is required, because links can always be pasted."""
    return [
        Check(
            "way",
            ok=True,
            note=way.state is not switches.SwitchState.ON,
            detail=f"{way.name}: {way.state}",
            hint=f"{switches.MENU} {way.missing}. Or: copybara setup telegram" if way.missing else "",
        )
        for way in switches.ways(me)
    ]


def _owner(home: Home, config: Config) -> Check:
    if not home.database.exists():
        hint = "Run `copybara start`: it shows the code to send to the bot."
        return Check("telegram", ok=False, detail="Nobody is the owner of the bot yet.", hint=hint)
    try:
        return Check("telegram", ok=True, detail=look(home, config))
    except CopybaraError as error:
        return Check.failed("telegram", error)


def _clock(answer: switches.TelegramReply) -> list[Check]:
    try:
        theirs = email.utils.parsedate_to_datetime(answer.date).timestamp()
    except (ValueError, OverflowError):
        return []
    apart = round(abs(time.time() - theirs))
    if apart < CLOCKS_DIFFER_SECONDS:
        return []
    detail = f"This machine's clock and Telegram's differ by {apart // 60} min {apart % 60} s"
    to_do = as_root("timedatectl set-ntp true")
    hint = f"Set the clock: links are refused when two clocks differ by two minutes. `{to_do}`"
    return [Check("clock", ok=False, detail=detail, hint=hint)]
