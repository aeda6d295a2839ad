"""What `copybara doctor` checks of the Telegram bot: its token, and how Telegram's clock and ours differ."""

from __future__ import annotations

import email.utils
import os
import time

import httpx

from bot.cli.doctor.check import Check
from bot.home import Home
from bot.messengers.telegram.setup import look
from bot.messengers.telegram.token import VARIABLE, read_token, silence
from shared.config.schema import Config
from shared.errors import CopybaraError

SECONDS = 10.0
"How long Telegram may take to answer."

CLOCKS_DIFFER_SECONDS = 60
"From here on a link may be refused, for the other side's clock may be wrong as well."

REFUSED = (401, 404)
"What Telegram says to a token that was revoked, and to one that was never given out."

MOST_BYTES = 64 * 1024


def bot(home: Home, config: Config) -> list[Check]:
    """Ask Telegram about the bot (getMe), without reading any message."""
    if config.telegram.token == "environment" and not os.environ.get(VARIABLE):  # noqa: S105 - the name of a place
        detail = f"The variable {VARIABLE} isn't set here, so the bot's token can't be checked."
        return [Check("telegram", ok=True, note=True, detail=detail, hint="`copybara run` needs it.")]
    try:
        token = read_token(home, config.telegram)
    except CopybaraError as error:
        return [Check.failed("telegram", error)]
    silence(token)
    address = f"{config.telegram.base_url.rstrip('/')}/bot{token.reveal()}/getMe"
    try:
        answer = httpx.get(address, timeout=SECONDS, trust_env=False)
    except (httpx.HTTPError, ValueError) as error:
        detail = f"Telegram can't be reached: {type(error).__name__}."
        return [Check("telegram", ok=False, detail=detail, hint="Calls of the console and the page need no Telegram.")]
    if answer.status_code in REFUSED:
        return [
            Check(
                "telegram",
                ok=False,
                detail="Telegram doesn't know the bot's token: it was revoked or mistyped.",
                hint="Get a new one from @BotFather, and replace the old one with it.",
            )
        ]
    if answer.status_code != httpx.codes.OK or len(answer.content) > MOST_BYTES:
        detail = f"What answers for Telegram says {answer.status_code}."
        return [Check("telegram", ok=False, detail=detail, hint="Check `base_url` under [telegram].")]
    return [_owner(home, config), *_clock(answer)]


def _owner(home: Home, config: Config) -> Check:
    if not home.database.exists():
        hint = "Run `copybara start`: it shows the code to send to the bot."
        return Check("telegram", ok=False, detail="Nobody is the owner of the bot yet.", hint=hint)
    try:
        return Check("telegram", ok=True, detail=look(home, config))
    except CopybaraError as error:
        return Check.failed("telegram", error)


def _clock(answer: httpx.Response) -> list[Check]:
    try:
        theirs = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return []
    apart = round(abs(time.time() - theirs))
    if apart < CLOCKS_DIFFER_SECONDS:
        return []
    detail = f"This machine's clock and Telegram's differ by {apart // 60} min {apart % 60} s"
    hint = "Set the clock: from two minutes of difference on, links are refused. `sudo timedatectl set-ntp true`"
    return [Check("clock", ok=False, detail=detail, hint=hint)]
