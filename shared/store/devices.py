"""The table of the owner's other devices, and the authorities that they trust. Removing a device erases it."""

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
"The facts with the authorities: one for each way to reach devices. Neither can vouch for the other way."

_LEAVES = {DeviceWay.OVERLAY: "devices.leaf", DeviceWay.LAN: "devices.leaf.lan"}


class DeviceTable(Facts):
    """The devices."""

    def devices(self) -> list[PairedDevice]:
        """All devices that can be read, by name."""
        rows = self.rows("SELECT value FROM paired_devices ORDER BY name_key")
        return self.decode_all("a device", [row[0] for row in rows], PairedDevice)

    def device_named(self, name: str) -> PairedDevice | None:
        """The device with that name. Case doesn't matter."""
        return self.decoded(PairedDevice, "SELECT value FROM paired_devices WHERE name_key = ?", name_key(name))

    def add_device(self, device: PairedDevice) -> None:
        """Add a device. Raises InputError if its name or its address is taken, or there are MAX_DEVICES already."""
        with self.transaction() as database:
            for known in self.devices():
                if name_key(known.name) == name_key(device.name) or known.address == device.address:
                    raise InputError(
                        f"There is already a device {known.name}, at {known.address}.",
                        f"Remove it first: copybara devices remove {known.name}",
                    )
            if len(self.devices()) >= MAX_DEVICES:
                raise InputError(f"There are {MAX_DEVICES} devices, and there can't be more.", "Remove one first.")
            # Delete unreadable rows with that name or address.
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
        """Store that a device was connected at `now`, in Unix seconds. Does nothing if it was removed."""
        with self.transaction() as database:
            if (device := self.device_named(name)) is not None:
                value = encode(msgspec.structs.replace(device, seen=now))
                database.execute("UPDATE paired_devices SET value = ? WHERE name_key = ?", (value, name_key(name)))

    def forget_devices(self, *ways: DeviceWay) -> None:
        """Erase the devices of these ways, and the authorities that they trust. Without arguments: all."""
        with self.transaction() as database:
            for way in ways or DeviceWay:
                for device in self.devices():
                    if device.way is way:
                        database.execute("DELETE FROM paired_devices WHERE name_key = ?", (name_key(device.name),))
                self.set_home_fact(_AUTHORITIES[way], None)
                self.set_home_fact(_LEAVES[way], None)
            if not ways:
                database.execute("DELETE FROM paired_devices")  # also unreadable rows
            self.erase_log()

    def device_authority(self, way: DeviceWay = DeviceWay.OVERLAY) -> bytes | None:
        """The authority's key and certificate in PEM. None if there is none."""
        return self.home_fact(_AUTHORITIES[way])

    def keep_device_authority(self, pem: bytes, way: DeviceWay = DeviceWay.OVERLAY) -> None:
        """Store another authority.

        Devices that trust the old one are erased, because they couldn't connect any more.
        """
        with self.transaction():
            self.forget_devices(way)
            self.set_home_fact(_AUTHORITIES[way], pem)

    def device_leaf(self, way: DeviceWay) -> bytes | None:
        """The key and certificate of the server for devices, in PEM. None if there are none."""
        return self.home_fact(_LEAVES[way])

    def keep_device_leaf(self, pem: bytes, way: DeviceWay) -> None:
        """Store another key and certificate of the server."""
        self.set_home_fact(_LEAVES[way], pem)
