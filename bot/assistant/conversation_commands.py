"""What the owner commands about conversations of several people."""

from __future__ import annotations

from bot.assistant.commands import Agree, Merge, Refuse
from bot.assistant.turn import Turn
from bot.assistant.which_call import named
from bot.texts import conversations as texts
from bot.texts import refusals
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from shared.errors import NoCall, NotAsked, WhichCall


async def obey(turn: Turn, command: Merge | Agree | Refuse, switchboard: Switchboard) -> None:
    """Carry out one of them. Raises CantMerge, NotAsked, CallRefused, NoCall, WhichCall."""
    together = switchboard.together
    match command:
        case Merge():
            await together.merge()
        case Agree():
            line = _asked(together.asked(), command.whom)
            if line is None:
                raise NotAsked
            await together.agree(line)
            turn.say(texts.AGREED)
        case Refuse():
            line = _asked(together.asked(), command.whom)
            if line is None:
                await together.take_back()
                return
            await together.refuse(line)
            turn.say(texts.REFUSED)


def _asked(lines: list[Line], whom: str) -> Line | None:
    """Whose question is meant; None if there is none."""
    if whom and not (lines := named(lines, whom)):
        raise NoCall(*refusals.no_call_with(whom))
    if len({line.peer for line in lines}) > 1:
        raise WhichCall(*texts.SEVERAL_ASKED)
    return lines[-1] if lines else None
