"""The owner's command about recordings of calls."""

from __future__ import annotations

from bot.assistant.calling import Calling
from bot.assistant.commands import Record
from bot.assistant.turn import Turn
from bot.texts import recording as texts
from peer.calls.switchboard import Switchboard


async def obey(turn: Turn, command: Record, switchboard: Switchboard, calling: Calling) -> None:
    """Record a call, stop, or refuse to be recorded. The result is news of its call. Raises CallRefused."""
    line = calling.recordable(command.what, command.whom)
    recording = switchboard.recording(line)
    match command.what:
        case "stop":
            recording.stop()
        case "refuse":
            recording.refuse()
        case _:
            await recording.start()
            turn.say(texts.asked(line))
