"""A phone on which the home's certificate authority has been installed."""

from __future__ import annotations

import asyncio
import ssl
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

from peer.handset.devices.authority import Authority
from shared.paired_device import DeviceWay
from tests.bot.console import SECONDS, Person
from tests.network.namespaces import Namespace


async def trust_authority_of(home: Person, folder: Path, way: DeviceWay = DeviceWay.OVERLAY) -> None:
    """Make the Chromium whose HOME is that folder trust the home's authority, and nothing else."""
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    await install_authority_of(home, database, way)


async def trust_authority_from(page: str, said: str, folder: Path, phone: Namespace) -> None:
    """Make it trust the authority as its owner does: the phone gets the file from its page, and compares it."""
    fetched = await asyncio.to_thread(phone.inside, lambda: _fetched(f"{page.partition('#')[0]}authority.crt"))
    assert sha256(fetched).digest().hex(":").upper() in said
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    await _install(fetched, database)


def _fetched(address: str) -> bytes:
    """A file from a server whose certificate nothing vouches for yet, after the browser's warning."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urlopen(address, timeout=SECONDS, context=context) as answer:
        return bytes(answer.read())


async def install_authority_of(home: Person, database: Path, way: DeviceWay = DeviceWay.OVERLAY) -> None:
    """Install it into a database of NSS, which Chromium and Firefox use."""
    with home.store() as store:
        kept = store.device_authority(way)
    assert kept is not None
    await _install(Authority.of_pem(kept).to_install(), database)


async def _install(authority: bytes, database: Path) -> None:
    certificate = database.parent / "home.der"
    certificate.write_bytes(authority)
    made = [] if (database / "cert9.db").exists() else [["-N", "--empty-password"]]
    for options in (*made, ["-A", "-t", "C,,", "-n", "home", "-i", str(certificate)]):
        process = await asyncio.create_subprocess_exec("certutil", "-d", f"sql:{database}", *options)
        assert await process.wait() == 0
