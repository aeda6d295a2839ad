"""The owner's commands about one call."""

from __future__ import annotations

from bot.assistant.calling import Calling
from bot.assistant.commands import (
    Answer,
    Call,
    CallCommand,
    Decline,
    Differ,
    HangUp,
    Hold,
    OfferSdp,
    Resume,
    Say,
    Swap,
)
from bot.assistant.lookups import Lookups
from bot.assistant.taps import Taps
from bot.assistant.turn import Turn
from bot.texts import chat as texts
from bot.texts import names as name_texts
from peer.calls.switchboard import Switchboard


async def obey(
    turn: Turn, command: CallCommand, switchboard: Switchboard, calling: Calling, taps: Taps, lookups: Lookups
) -> None:
    """Carry out one of these commands. Raises CopybaraError."""
    match command:
        case Call():
            await calling.call(turn, command.whom, command.media, command.program)
        case OfferSdp():
            await calling.place(turn, await calling.whom(command.whom), command.media, "sdp")
        case Answer():
            await calling.answer(turn, calling.answerable(command.whom), command.media, command.instead)
        case Decline():
            await calling.decline(*calling.declinable(command.why))
        case HangUp(whom="") if (name_or_none := lookups.stop()) is not None:
            turn.say(name_texts.given_up(name_or_none))
        case HangUp():
            await calling.hang_up(calling.current(command.whom))
        case Differ():
            await taps.differ(turn, calling.comparable(command.whom))
        case Hold():
            await calling.hold(calling.holdable(command.whom))
        case Resume():
            await calling.resume(turn, calling.on_hold("/resume", command.whom))
        case Swap():
            await calling.resume(turn, calling.on_hold("/swap", command.whom), swap=True)
        case Say():
            line, text, alone = calling.sayable(command.text)
            turn.say(texts.text_sent(switchboard.write(line, text, alone=alone)))
