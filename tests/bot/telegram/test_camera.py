"""The IP camera of a person whose Telegram account is in somebody else's hands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from shared.contacts import Trust
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import friends, two_people
from tests.peer.media.ip_camera import IpCameraForTests, film


async def test_what_telegram_says_shows_nobody_the_ip_camera(tmp_path: Path) -> None:
    camera = IpCameraForTests(await asyncio.to_thread(film, tmp_path / "film.mkv", 5))
    async with camera.on(), two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        bob.configure(f'[answer]\nendpoint = "camera"\n[camera]\naddress = "{camera.address}"\n')
        with bob.store() as store:
            contact = store.contact_of(anna.id)
            assert contact is not None
            store.save_contact(msgspec.structs.replace(contact, endpoint="pattern"))
        await asyncio.gather(anna.begin(), bob.begin())
        for endpoint in ("camera", "default"):
            bob.says(f"/contact endpoint anna {endpoint}")
            await bob.reads("camera lets anna into the room")
        with bob.store() as store:
            store.save_contact(contact)
        bob.says("/contact trust anna")
        await bob.reads("no IP camera is shown")
        anna.says("/call bob")
        await bob.reads(says.rings("anna"))
        bob.says("/answer")
        await bob.reads("others could write in your place that anna is one")
