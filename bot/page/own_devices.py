"""The owner's other devices on the page.

Every page lists them; pages on the home's own computer add and remove them.
"""

from __future__ import annotations

from bot.devices.book import DeviceBook
from bot.kinds import Sentence
from bot.texts import devices as texts
from peer.handset.page import Page, Pages
from peer.handset.protocol import AddDevice, Adding, CancelDevice, ConfirmDevice, Device, Devices, RemoveDevice
from peer.handset.shown_link import shown_address
from shared.errors import InputError
from shared.paired_device import DeviceWay

DeviceRequest = AddDevice | ConfirmDevice | CancelDevice | RemoveDevice


class OwnDevices:
    """Shows the owner's devices on pages, and carries out pages' requests about them."""

    def __init__(self, book: DeviceBook, pages: Pages) -> None:
        self._book = book
        self._pages = pages
        self._shown: dict[Page, Devices] = {}

    def of(self, page: Page) -> Devices:
        """The devices for a page. Only a page on this computer gets the address that adds a device."""
        at_home = not page.device
        devices = [
            Device(
                name=each.name,
                words=texts.line(
                    name="", address=each.address, way=each.way, seen=each.seen, connected=self._book.is_connected(each)
                ).removeprefix(": "),
                here=each.name == page.device,
            )
            for each in self._book.listed()
        ]
        return Devices(
            devices=devices,
            can_change=at_home,
            lan=DeviceWay.LAN in self._book.doors,
            adding=self._adding() if at_home else None,
        )

    def refresh(self) -> None:
        """Send the devices to each page again if they have changed. Raises StoreError."""
        before, self._shown = self._shown, {page: self.of(page) for page in self._pages.open}
        for page, devices in self._shown.items():
            if before.get(page) != devices:
                page.send(devices)

    async def do(self, page: Page, message: DeviceRequest) -> Sentence:
        """Carry out a page's request. Raises CopybaraError."""
        if page.device:
            raise InputError(*texts.ONLY_AT_HOME)
        match message:
            case AddDevice():
                await self._book.begin(message.name, message.where.strip() or None)
                said = Sentence("", "")
            case ConfirmDevice():
                said = texts.added(await self._book.confirm(message.code))
            case CancelDevice():
                self._book.cancel()
                said = texts.cancelled()
            case RemoveDevice():
                said = texts.removed(await self._book.remove(message.name))
        self.refresh()
        return said

    def _adding(self) -> Adding | None:
        shown = self._book.shown()
        if shown is None:
            return None
        return Adding(
            name=shown.name,
            link=shown_address(shown.address),
            authority=shown.fingerprint,
            gives_up=texts.given_up(open_to_all=shown.open_to_all, lan=shown.way is DeviceWay.LAN),
            visitor=shown.visitor,
            code=shown.code,
        )
