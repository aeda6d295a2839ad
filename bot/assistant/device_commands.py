"""The owner's commands about their devices, in the chat, in the console and on the command line."""

from __future__ import annotations

from bot.assistant.commands import AddDevice, CancelDevice, ConfirmDevice, DeviceCommand, ListDevices, RemoveDevice
from bot.assistant.turn import Turn
from bot.devices.book import DeviceBook
from bot.texts import devices as texts
from shared.errors import InputError
from shared.paired_device import DeviceWay


async def obey(turn: Turn, command: DeviceCommand, devices: DeviceBook) -> None:
    """Carry out one of these commands. Raises CopybaraError."""
    match command:
        case ListDevices():
            known = devices.listed()
            connected = [devices.is_connected(each) for each in known]
            turn.say(texts.devices(known, connected), in_clear=texts.devices(known, connected, addresses=False))
        case AddDevice():
            shown = await devices.begin(command.name, command.address)
            turn.say(
                texts.pairing_open(
                    shown.name,
                    shown.address,
                    shown.seconds,
                    certificate=shown.certificate,
                    authority=shown.fingerprint,
                    open_to_all=shown.open_to_all,
                    lan=shown.way is DeviceWay.LAN,
                ),
                in_clear=texts.pairing_open_elsewhere(shown.name, shown.seconds),
            )
        case ConfirmDevice():
            turn.say(texts.added(await devices.confirm(command.code)))
        case CancelDevice():
            if not devices.cancel():
                raise InputError(*texts.NOTHING_TO_CANCEL)
            turn.say(texts.cancelled())
        case RemoveDevice():
            turn.say(texts.removed(await devices.remove(command.name)))
