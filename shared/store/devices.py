"""The table of the owner's other devices, and the authorities that they trust. A removed device is erased."""

from __future__ import annotations

import msgspec

from shared.contacts import name_key
from shared.errors import InputError, NoDevice
from shared.nearest import did_you_mean
from shared.paired_device import DeviceWay, PairedDevice
from shared.store.database import encode
from shared.store.facts import Facts

MAX_DEVICES = 16

_AUTHORITIES = {DeviceWay.OVERLAY: "devices.authority", DeviceWay.LAN: "devices.authority.lan"}
"One for each address at which devices are served: it can vouch for no other."

_LEAVES = {DeviceWay.OVERLAY: "devices.leaf", DeviceWay.LAN: "devices.leaf.lan"}


class DeviceTable(Facts):
    """The devices."""

    def devices(self) -> list[PairedDevice]:
        """All of them by name, as far as they can be read."""
        rows = self.rows("SELECT value FROM paired_devices ORDER BY name_key")
        return self.decode_all("a device", [row[0] for row in rows], PairedDevice)

    def device_named(self, name: str) -> PairedDevice | None:
        """The device of that name, in upper or lower case."""
        return self.decoded(PairedDevice, "SELECT value FROM paired_devices WHERE name_key = ?", name_key(name))

    def add_device(self, device: PairedDevice) -> None:
        """Add a device. Raises InputError if there is one of that name or at that address, or there are MAX_DEVICES."""
        with self.transaction() as database:
            for known in self.devices():
                if name_key(known.name) == name_key(device.name) or known.address == device.address:
                    raise InputError(
                        f"There is already a device {known.name}, at {known.address}.",
                        f"Remove it first: copybara devices remove {known.name}",
                    )
            if len(self.devices()) >= MAX_DEVICES:
                raise InputError(f"There are {MAX_DEVICES} devices, and there can't be more.", "Remove one first.")
            # What is left of that name, or at that address, can't be read.
            database.execute(
                "DELETE FROM paired_devices WHERE name_key = ? OR address = ?", (name_key(device.name), device.address)
            )
            database.execute(
                "INSERT INTO paired_devices (name_key, address, value) VALUES (?, ?, ?)",
                (name_key(device.name), device.address, encode(device)),
            )

    def remove_device(self, name: str) -> PairedDevice:
        """Erase a device and return it. Raises NoDevice."""
        with self.transaction() as database:
            device = self.device_named(name)
            if device is None:
                raise NoDevice(hint=did_you_mean(name, [each.name for each in self.devices()]))
            database.execute("DELETE FROM paired_devices WHERE name_key = ?", (name_key(name),))
            self.erase_log()
        return device

    def device_seen(self, name: str, now: int) -> None:
        """Remember that a device was connected at `now`, Unix seconds. Does nothing if it was removed."""
        with self.transaction() as database:
            if (device := self.device_named(name)) is not None:
                value = encode(msgspec.structs.replace(device, seen=now))
                database.execute("UPDATE paired_devices SET value = ? WHERE name_key = ?", (value, name_key(name)))

    def forget_devices(self, *ways: DeviceWay) -> None:
        """Erase the devices that come by these ways, and the authorities that they trust. None given: all."""
        with self.transaction() as database:
            for way in ways or DeviceWay:
                for device in self.devices():
                    if device.way is way:
                        database.execute("DELETE FROM paired_devices WHERE name_key = ?", (name_key(device.name),))
                self.set_home_fact(_AUTHORITIES[way], None)
                self.set_home_fact(_LEAVES[way], None)
            if not ways:
                database.execute("DELETE FROM paired_devices")  # those that can't be read, too
            self.erase_log()

    def device_authority(self, way: DeviceWay = DeviceWay.OVERLAY) -> bytes | None:
        """Key and certificate of the authority in PEM, if there is one."""
        return self.home_fact(_AUTHORITIES[way])

    def keep_device_authority(self, pem: bytes, way: DeviceWay = DeviceWay.OVERLAY) -> None:
        """Keep another one. Devices that trust the one before are erased: they couldn't connect any more."""
        with self.transaction():
            self.forget_devices(way)
            self.set_home_fact(_AUTHORITIES[way], pem)

    def device_leaf(self, way: DeviceWay) -> bytes | None:
        """Key and certificate that the server for devices shows, in PEM, if there is one."""
        return self.home_fact(_LEAVES[way])

    def keep_device_leaf(self, pem: bytes, way: DeviceWay) -> None:
        """Keep another one."""
        self.set_home_fact(_LEAVES[way], pem)
