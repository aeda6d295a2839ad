"""The table of the owner's devices."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from shared.errors import InputError, NoDevice
from shared.paired_device import DeviceWay, PairedDevice
from shared.store import Store
from shared.store.devices import MAX_DEVICES
from shared.store.restored import restored

PHONE = PairedDevice(name="Phone", address="200::2", key=b"k" * 32, cookie=b"c" * 32, added=1, seen=1)


def device(number: int) -> PairedDevice:
    return PairedDevice(name=f"d{number}", address=f"200::{number:x}", key=b"", cookie=b"", added=1, seen=1)


def test_devices_come_back_as_they_were_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        store.add_device(PHONE)
        store.device_seen("phone", 9)
    with Store(tmp_path / "db") as store:
        (known,) = store.devices()
        assert (known.name, known.key, known.cookie, known.added, known.seen) == ("Phone", b"k" * 32, b"c" * 32, 1, 9)


def test_a_name_and_an_address_stand_for_one_device_and_their_number_is_limited(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        for number in range(MAX_DEVICES):
            store.add_device(device(number))
        with pytest.raises(InputError, match="can't be more"):
            store.add_device(device(MAX_DEVICES))
        store.remove_device("D1")
        with pytest.raises(InputError, match="already a device d2"):
            store.add_device(PairedDevice(name="D2", address="200::99", added=1, seen=1))
        with pytest.raises(InputError, match="already a device d3"):
            store.add_device(PairedDevice(name="new", address="200::3", added=1, seen=1))


def test_a_removed_device_leaves_no_key_on_the_disk(tmp_path: Path) -> None:
    secret = b"this-key-must-not-stay-on-disk!!"
    with Store(tmp_path / "db") as store:
        store.add_device(PairedDevice(name="phone", address="200::2", key=secret, cookie=b"", added=1, seen=1))
        store.remove_device("phone")
        with pytest.raises(NoDevice):
            store.remove_device("phone")
        store.device_seen("phone", 5)
        assert store.devices() == []
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert base64.b64encode(secret)[:20] not in written


def test_another_authority_and_a_restored_home_forget_all_devices(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        store.keep_device_authority(b"one")
        store.add_device(PHONE)
        assert store.device_authority() == b"one"
        store.keep_device_authority(b"two")
        assert store.devices() == []
        store.add_device(PHONE)
        store.keep_device_authority(b"three", DeviceWay.LAN)
        restored(store, 10)
        assert store.devices() == []
        assert store.device_authority() is None
        assert store.device_authority(DeviceWay.LAN) is None


def test_another_authority_of_one_way_forgets_no_device_of_the_other(tmp_path: Path) -> None:
    tablet = PairedDevice(name="tablet", address="192.168.1.20", way=DeviceWay.LAN, added=1, seen=1)
    with Store(tmp_path / "db") as store:
        for way in DeviceWay:
            store.keep_device_authority(way.value.encode(), way)
        store.add_device(PHONE)
        store.add_device(tablet)
        store.keep_device_authority(b"new", DeviceWay.LAN)
        assert store.devices() == [PHONE]
        store.add_device(tablet)
        store.keep_device_authority(b"new")
        assert store.devices() == [tablet]
        assert store.device_authority(DeviceWay.LAN) == b"new"


def test_a_device_that_cant_be_read_any_more_gives_way_to_the_same_one_added_again(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        store.add_device(PHONE)
        with store.transaction() as database:
            database.execute("UPDATE paired_devices SET value = X'7b'")
        assert store.devices() == []
        store.add_device(PHONE)
        assert store.devices() == [PHONE]
