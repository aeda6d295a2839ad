"""A phone on which the home's certificate authority has been installed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from peer.handset.devices.authority import Authority
from shared.paired_device import DeviceWay
from tests.bot.console import Person


async def trust_authority_of(home: Person, folder: Path, way: DeviceWay = DeviceWay.OVERLAY) -> None:
    """Have the Chromium whose HOME is that folder trust the home's authority, and nothing else."""
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    await install_authority_of(home, database, way)


async def install_authority_of(home: Person, database: Path, way: DeviceWay = DeviceWay.OVERLAY) -> None:
    """Put it into a database of NSS, which Chromium and Firefox have."""
    with home.store() as store:
        kept = store.device_authority(way)
    assert kept is not None
    certificate = database.parent / "home.der"
    certificate.write_bytes(Authority.of_pem(kept).to_install())
    made = [] if (database / "cert9.db").exists() else [["-N", "--empty-password"]]
    for options in (*made, ["-A", "-t", "C,,", "-n", "home", "-i", str(certificate)]):
        process = await asyncio.create_subprocess_exec("certutil", "-d", f"sql:{database}", *options)
        assert await process.wait() == 0
