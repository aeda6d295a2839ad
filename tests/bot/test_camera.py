"""An IP camera that trusted contacts can call, and nobody else."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import av
import pytest

from bot.kinds import Kind
from tests.bot.console import Person, people, ring
from tests.peer.media.ip_camera import GREY, PASSWORD, SIZE, TONE, IpCameraForTests, film
from tests.peer.media.tone import hertz

WATCHES = '[answer]\nendpoint = "recorder"\n'


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mkv", 60)


@pytest.fixture
def camera(filmed: Path) -> IpCameraForTests:
    return IpCameraForTests(filmed)


def shows(camera: IpCameraForTests) -> str:
    """The configuration of the person with the camera."""
    return f'[answer]\nendpoint = "camera"\n[camera]\naddress = "{camera.address}"\n'


def keeps_the_secret(person: Person, camera: IpCameraForTests) -> None:
    """Check that neither output nor log has the camera's address or password."""
    written = person.errors + "".join(map(str, person.said))
    assert PASSWORD not in written
    assert f":{camera.port}/" not in written


async def test_a_trusted_contact_sees_the_camera_and_another_one_does_not(
    friends: Path, tmp_path: Path, camera: IpCameraForTests
) -> None:
    configs = {"anna": WATCHES, "carol": WATCHES, "bob": shows(camera)}
    names = ("anna", "bob", "carol")
    async with camera.on(), people(tmp_path, *names, homes=friends, configs=configs, options=["-v"]) as everybody:
        anna, bob, carol = everybody
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)

        # The untrusted caller rings, and doesn't see it even if the owner answers by hand.
        await ring(carol, bob)
        refused = await bob.asked("/answer", kind="error.only-for-trusted")
        assert refused == (
            "The camera is only for contacts whose calls are answered automatically, and carol isn't one. "
            "To let them see it at any time: /contact trust carol"
        )
        assert (await bob.status())["calls"][0]["state"] == "ringing"
        assert "carol" in await bob.asked("/call carol", kind="error.only-for-trusted")
        bob.write("/decline")
        assert (await carol.call("ended"))["video_packets_received"] == 0

        anna.write("/call bob")
        await bob.told(kind=Kind.ANSWERED_AUTOMATICALLY)
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        while (report := await watched(anna))["video_packets_received"] < 20 or report["audio_packets_received"] < 80:
            pass
        anna.write("/hangup")
        await anna.told("bob", kind=Kind.RECORDED)
        await asyncio.gather(*(person.call("ended") for person in (anna, bob)))
        keeps_the_secret(bob, camera)
    (recording,) = (anna.home / "recordings").iterdir()
    with av.open(str(recording), "r") as file:
        pictures = list(file.decode(video=0))
    assert {(picture.width, picture.height) for picture in pictures} == {SIZE}
    assert bytes(pictures[-1].reformat(format="yuv420p").planes[0])[0] == pytest.approx(GREY, abs=3)
    with av.open(str(recording), "r") as file:
        sound = list(file.decode(audio=0))
    # After the chime of an automatic answer.
    assert hertz(sound[45:]) == pytest.approx(TONE, abs=1)
    assert not (carol.home / "recordings").exists() or not list((carol.home / "recordings").iterdir())


async def watched(person: Person) -> dict[str, int]:
    person.write("/status")
    return await person.call("active")


async def test_a_stranger_does_not_see_the_camera(tmp_path: Path, camera: IpCameraForTests) -> None:
    async with people(tmp_path, "dora", "bob", configs={"bob": shows(camera)}, options=["-v"]) as (dora, bob):
        dora.write(f"/call {bob.node}")
        await bob.told(kind=Kind.STRANGER_RINGS)
        refused = await bob.asked("/answer", kind="error.only-for-trusted")
        assert "only for contacts whose calls are answered automatically" in refused
        bob.write("/decline")
        await bob.call("ended")
        keeps_the_secret(bob, camera)


async def test_a_camera_that_is_off_ends_the_call_with_a_word_to_its_owner(
    friends: Path, tmp_path: Path, camera: IpCameraForTests
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"bob": shows(camera)}, options=["-v"]) as both:
        anna, bob = both
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        anna.write("/call bob")
        assert "The IP camera can't be reached: Connection refused" in await bob.told(kind=Kind.ENDED)
        assert (await bob.call("ended"))["reason"] == "failed"
        assert (await anna.call("ended"))["reason"] == "remote-hung-up"
        keeps_the_secret(bob, camera)


async def test_a_program_whose_camera_hangs_stops_all_the_same(
    friends: Path, tmp_path: Path, camera: IpCameraForTests
) -> None:
    configs = {"anna": WATCHES, "bob": shows(camera)}
    async with camera.on() as hanging, people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        anna.write("/call bob")
        await anna.media()
        hanging.send_signal(signal.SIGSTOP)
        assert await bob.signalled(signal.SIGTERM) == 0
        await anna.call("ended")


async def test_a_camera_that_goes_and_comes_back_does_not_end_the_call(
    friends: Path, tmp_path: Path, camera: IpCameraForTests
) -> None:
    configs = {"anna": WATCHES, "bob": shows(camera)}
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs, options=["-v"]) as (anna, bob):
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        async with camera.on():
            anna.write("/call bob")
            await asyncio.gather(*(person.call("active") for person in (anna, bob)))
            while (report := await watched(anna))["audio_packets_received"] < 50:
                pass
        before = report["audio_packets_received"]
        async with camera.on():
            # Sound comes only from the camera. It is back when more arrives than was on the way.
            while (report := await watched(anna))["audio_packets_received"] < before + 100:
                pass
            assert report["state"] == "active"
        anna.write("/hangup")
        await asyncio.gather(*(person.call("ended") for person in (anna, bob)))
        keeps_the_secret(bob, camera)
