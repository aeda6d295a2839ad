"""The owner's commands about conversations of several people."""

from __future__ import annotations

from bot.assistant.commands import Agree, ConversationCommand, Merge, Refuse
from bot.assistant.turn import Turn
from bot.assistant.which_call import JUST_NOW_SECONDS, to_agree
from bot.texts import conversations as texts
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from peer.media.endpoint_kinds import may_show_room
from shared.errors import InputError, NotAsked


def _may_show_room(line: Line) -> bool:
    return line.engaged and may_show_room(line.shown.endpoint or "")


async def obey(turn: Turn, command: ConversationCommand, switchboard: Switchboard) -> None:
    """Carry out one of these commands. Raises CantMerge, NotAsked, CallRefused, NoCall, WhichCall."""
    if turn.in_clear and not isinstance(command, Refuse) and any(map(_may_show_room, switchboard.lines)):
        raise InputError(*texts.NOT_SAID_HERE)
    together = switchboard.together
    asked, gone = together.asked(), together.asked_just_now(JUST_NOW_SECONDS)
    match command:
        case Merge():
            await together.merge()
        case Agree():
            line = to_agree(switchboard.lines, asked, gone, command.whom)
            if line is None:
                raise NotAsked
            await together.agree(line)
            turn.say(texts.AGREED)
        case Refuse():
            line = to_agree(switchboard.lines, asked, gone, command.whom)
            if line is None:
                await together.take_back()
                return
            await together.refuse(line)
            turn.say(texts.REFUSED)
