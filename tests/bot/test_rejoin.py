"""A program that is killed in a call and started again continues the call, without any new link."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import itertools
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from aioice import stun

from bot.demo.node import Said
from bot.kinds import Kind
from peer.calls.line_keeping import AWAITED_SECONDS
from peer.overlay.loopback import loopback_address
from peer.overlay.source_filter import (
    JUMP_IF_EQUAL,
    LOAD_WORD,
    NETWORK_HEADER,
    NOTHING,
    RETURN,
    WHOLE_PACKET,
    Instruction,
    attach,
)
from shared.call.records import CallRecord, RunningCall
from shared.errors import NotRunning
from tests.bot.console import MEDIA, SECONDS, Person, call_in, connect, hang_up, people, ring
from tests.network.capture import ETH_P_ALL, ETH_P_IP, QUEUE_BYTES, SO_RCVBUFFORCE
from tests.peer.handset.wire import AT_THE_PAGE, wire_page

pytestmark = pytest.mark.slow

MAGIC_COOKIE = 0x2112A442
"In every check (RFC 8489, section 5)."

MAGIC_COOKIE_AT = 20 + 8 + 4
"From the IPv4 header on, which has no options on the loopback device."


@contextlib.asynccontextmanager
async def paired(friends: Path, tmp_path: Path) -> AsyncIterator[tuple[Person, Person]]:
    """Anna and Bob, who are contacts."""
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        yield anna, bob


@contextlib.asynccontextmanager
async def in_a_call(friends: Path, tmp_path: Path) -> AsyncIterator[tuple[Person, Person]]:
    """Anna has called Bob. Media flow, and both have a new secret and the four words."""
    async with paired(friends, tmp_path) as (anna, bob):
        await connect(anna, bob)
        await asyncio.gather(*(settled(person) for person in (anna, bob)))
        yield anna, bob


async def settled(person: Person) -> None:
    """Wait until its call has the four words, sound and picture.

    One report says all, because a report is taken only once.
    """
    await person.until(
        lambda said: (
            said["type"] == "call"
            and said["phrase"] is not None
            and said["audio_packets_received"] > 0
            and said["video_packets_received"] > 0
        )
    )


async def words(person: Person) -> str:
    """The four words of its call, once it has them."""
    said = await person.until(lambda said: said["type"] == "call" and said["phrase"] is not None)
    return str(said["phrase"])


async def killed(*victims: Person) -> None:
    for victim in victims:
        victim.process.send_signal(signal.SIGKILL)
    for victim in victims:
        assert await victim.gone() == -signal.SIGKILL


async def call_of(person: Person) -> Said:
    """Its only call."""
    try:
        (call,) = (await person.status())["calls"]
    except NotRunning:
        raise AssertionError(f"{person.name}'s program has ended:\n{person.errors}") from None
    return dict(call)


async def media_again(*both: Person) -> None:
    """Wait until more arrives on both sides."""
    before = [await call_of(person) for person in both]
    for person, had in zip(both, before, strict=True):
        for kind in ("audio_packets_received", "video_packets_received"):
            await person.until_status(lambda status, kind=kind, had=had: call_in(status)[kind] > had[kind])  # type: ignore[misc]


def running(person: Person) -> list[RunningCall]:
    with person.store() as store:
        return store.running_calls()


def logged(person: Person, reference: bytes) -> list[CallRecord]:
    """The log's records of a call."""
    with person.store() as store:
        return [record for record in store.call_log(100) if record.reference == reference]


def change(person: Person, **values: Any) -> None:
    """Change what a killed program has stored of its call."""
    with person.store() as store:
        (kept,) = store.running_calls()
        store.save_call(dataclasses.replace(kept, **values))


@pytest.mark.parametrize("who", ["the caller", "the callee", "both"])
async def test_whoever_was_killed_goes_on_with_the_call_when_it_is_started_again(
    friends: Path, tmp_path: Path, who: str
) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        victims = {"the caller": [anna], "the callee": [bob], "both": [anna, bob]}[who]
        links = len(anna.chat.posts)
        before = {person: await call_of(person) for person in (anna, bob)}
        (kept,) = running(bob)
        await killed(*victims)
        await asyncio.gather(*(victim.begin() for victim in victims))
        for victim in victims:
            other = "bob" if victim is anna else "anna"
            assert other in await victim.told(kind=Kind.REJOINING)
        await asyncio.gather(anna.call("active"), bob.call("active"))
        await media_again(anna, bob)
        for person in (anna, bob):
            call = await call_of(person)
            for same in ("with", "node", "role", "media", "paired", "automatic", "phrase", "local", "remote"):
                assert call[same] == before[person][same]
            assert call["seconds"] > before[person]["seconds"]
            assert call["refused"] == {}
            assert running(person)[0].epoch > 0
        assert len(anna.chat.posts) == links
        await hang_up(anna, bob)
        for person in (anna, bob):
            assert running(person) == []
            (record,) = logged(person, kept.reference)
            assert (record.started, record.connected) == (kept.created, kept.started)


async def test_a_first_contact_goes_on_too_and_can_be_saved_afterwards(tmp_path: Path) -> None:
    async with people(tmp_path, "dora", "emil") as (dora, emil):
        dora.write(f"/call {emil.node}")
        await emil.told(kind=Kind.STRANGER_RINGS)
        emil.write("/answer")
        phrases = await asyncio.gather(words(dora), words(emil))
        await killed(dora)
        await dora.begin()
        await asyncio.gather(dora.call("active"), emil.call("active"))
        await media_again(dora, emil)
        assert [(await call_of(person))["phrase"] for person in (dora, emil)] == phrases
        for person, other in ((dora, emil), (emil, dora)):
            await person.asked(f"/contact add {other.name}", kind=Kind.CONTACT_SAVED)
        await hang_up(emil, dora)
        assert len((await connect(dora, emil))["token"]) == 64
        await hang_up(dora, emil)


@pytest.mark.parametrize("who", ["the caller", "the callee", "both"])
async def test_a_first_contact_that_was_killed_as_it_connected_and_saved_is_written_to_as_a_contact(
    tmp_path: Path, who: str
) -> None:
    async with people(tmp_path, "dora", "emil") as (dora, emil):
        dora.write(f"/call {emil.node}")
        await emil.told(kind=Kind.STRANGER_RINGS)
        emil.write("/answer")
        victims = {"the caller": [dora], "the callee": [emil], "both": [dora, emil]}[who]
        await asyncio.gather(*(victim.call("active") for victim in victims))
        await killed(*victims)
        await asyncio.gather(*(victim.begin() for victim in victims))
        await asyncio.gather(*(victim.told(kind=Kind.REJOINING) for victim in victims))
        # Saved at once, perhaps before the call is connected again.
        for person, other in ((dora, emil), (emil, dora)):
            await person.asked(f"/contact add {other.name}", kind=Kind.CONTACT_SAVED)
        async with asyncio.timeout(SECONDS):
            for person, other in ((dora, emil), (emil, dora)):
                while "one is enough" not in await person.asked(
                    f"/contact show {other.name}", kind=Kind.CONTACT_DETAILS
                ):
                    pass
        await hang_up(dora, emil)
        for caller, callee in ((dora, emil), (emil, dora)):
            assert len((await connect(caller, callee))["token"]) == 64
            await hang_up(callee, caller)


async def test_a_side_that_was_killed_again_and_again_is_met_at_the_epoch_where_it_is(
    friends: Path, tmp_path: Path
) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        await killed(bob)
        change(bob, epoch=20)
        await bob.begin()
        await asyncio.gather(anna.call("active"), bob.call("active"))
        await media_again(anna, bob)
        assert [running(person)[0].epoch for person in (anna, bob)] == [21, 21]
        await killed(anna)
        await anna.begin()
        await asyncio.gather(anna.call("active"), bob.call("active"))
        await media_again(anna, bob)
        assert [running(person)[0].epoch for person in (anna, bob)] == [22, 22]
        # The other side counts as the later one, even if nobody has told it about a loss.
        await killed(anna, bob)
        change(anna, epoch=30)
        await bob.begin()
        await bob.told(kind=Kind.REJOINING)
        await anna.begin()
        await asyncio.gather(anna.call("active"), bob.call("active"))
        await media_again(anna, bob)
        assert [running(person)[0].epoch for person in (anna, bob)] == [31, 31]
        await hang_up(anna, bob)


@pytest.mark.parametrize("when", ["it rings", "it was answered", "it waits for an answer"])
async def test_a_call_that_was_killed_before_it_was_up_is_told_and_logged_once(
    friends: Path, tmp_path: Path, when: str
) -> None:
    async with paired(friends, tmp_path) as (anna, bob):
        await ring(anna, bob)
        victim, other = (anna, bob) if when == "it waits for an answer" else (bob, anna)
        if when == "it was answered":
            await killed(anna)
            bob.write("/answer")
            await bob.call("connecting")
        (kept,) = running(victim)
        await killed(victim)
        for _ in range(2):
            await victim.begin()
            await victim.in_order()
            assert running(victim) == []
            (record,) = logged(victim, kept.reference)
            assert (record.peer, record.role, record.connected) == (other.id, kept.role, None)
            await killed(victim)
        assert [line.get("kind") for line in victim.said].count(Kind.INTERRUPTED) == 1


async def test_who_was_hung_up_on_meanwhile_learns_it_from_the_chat(friends: Path, tmp_path: Path) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        await killed(bob)
        anna.write("/hangup")
        link = await anna.posted("chat")
        await anna.call("ended", reason="hung-up")
        await bob.begin()
        await bob.told(kind=Kind.REJOINING)
        bob.write(link["text"], sender="anna")
        assert "anna" in await bob.told(kind=Kind.ENDED)
        assert (await bob.call("ended"))["reason"] == "remote-hung-up"
        assert running(bob) == []
        assert len(logged(bob, kept.reference)) == 1


async def test_where_nobody_waits_any_more_the_call_is_lost_when_the_other_sides_time_is_up(
    friends: Path, tmp_path: Path
) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        await killed(anna, bob)
        change(bob, alive=int(time.time() - AWAITED_SECONDS) + 12)
        await bob.begin()
        await bob.told(kind=Kind.REJOINING)
        assert "anna" in await bob.told(kind=Kind.ENDED)
        assert running(bob) == []
        assert [record.reason for record in logged(bob, kept.reference)] == ["lost"]


@pytest.mark.parametrize("ago", [AWAITED_SECONDS, -3600.0], ids=["too long ago", "the clock was set back"])
async def test_a_call_that_nobody_can_be_waiting_in_is_over(friends: Path, tmp_path: Path, ago: float) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        await killed(bob)
        change(bob, alive=int(time.time() - ago))
        await bob.begin()
        assert "anna" in await bob.told(kind=Kind.INTERRUPTED)
        assert (await bob.status())["calls"] == []
        assert running(bob) == []
        (record,) = logged(bob, kept.reference)
        assert (record.reason, record.started) == ("stopped", kept.created)
        await anna.calm()


async def test_if_another_program_has_taken_the_port_the_call_is_over_and_says_why(
    friends: Path, tmp_path: Path
) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        await killed(bob)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((str(loopback_address(bob.id)), kept.port))
            await bob.begin()
            assert await bob.told(kind=Kind.ENDED) == (
                f"The call with anna failed: Another program has the UDP port {kept.port} by now. "
                "Call again: a new call takes another port."
            )
        assert (await bob.call("ended"))["reason"] == "failed"
        assert running(bob) == []
        assert len(logged(bob, kept.reference)) == 1
        # The chat tells Anna.
        await anna.call("ended", reason="remote-hung-up")


async def test_a_new_call_takes_the_place_of_one_that_nobody_else_goes_on_with(friends: Path, tmp_path: Path) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        await killed(bob)
        anna.write("/hangup")
        await anna.call("ended", reason="hung-up")
        await bob.begin()
        await bob.told(kind=Kind.REJOINING)
        await connect(anna, bob)
        seen: set[str] = set()

        def replaced_and_carried(said: Said) -> bool:
            """In either order: the old call is closed while the new one begins."""
            if said["type"] == "call":
                seen.update(["replaced"] if said["reason"] == "replaced" else [])
                seen.update(["media"] if all(said[f"{kind}_packets_received"] for kind in MEDIA) else [])
            return seen == {"replaced", "media"}

        await asyncio.gather(anna.media(), bob.until(replaced_and_carried))
        await hang_up(bob, anna)


async def test_who_hangs_up_and_is_killed_before_everything_is_closed_does_not_take_the_call_up_again(
    friends: Path, tmp_path: Path
) -> None:
    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        anna.process.send_signal(signal.SIGSTOP)  # so that its goodbye takes half a second
        try:
            bob.write("/hangup")
            while running(bob):
                pass
            await killed(bob)
        finally:
            anna.process.send_signal(signal.SIGCONT)
        await bob.begin()
        await bob.in_order()
        assert (await bob.status())["calls"] == []
        assert len(logged(bob, kept.reference)) == 1
        await anna.calm()


async def test_the_secret_of_a_call_is_in_the_home_for_as_long_as_it_is_up_and_no_longer(
    friends: Path, tmp_path: Path
) -> None:
    def everything(person: Person) -> bytes:
        return b"".join(path.read_bytes() for path in person.home.glob("copybara.db*"))

    async with in_a_call(friends, tmp_path) as (anna, bob):
        (kept,) = running(bob)
        await killed(bob)
        assert all(path.stat().st_mode & 0o077 == 0 for path in bob.home.glob("copybara.db*"))
        secret = everything(bob)
        await bob.begin()
        await asyncio.gather(anna.call("active"), bob.call("active"))
        await hang_up(anna, bob)
        for person in (anna, bob):
            with person.store() as store:
                store.rows("PRAGMA wal_checkpoint")
            for form in (kept.secret.hex().encode(), kept.secret, _in_json(kept)):
                assert form not in everything(person)
        assert _in_json(kept) in secret


def _in_json(kept: RunningCall) -> bytes:
    return base64.b64encode(kept.secret)


async def test_what_a_page_still_keeps_of_a_call_before_the_start_is_about_no_call_after_it(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"bob": AT_THE_PAGE}) as (anna, bob):
        await ring(anna, bob)
        before = (await call_of(bob))["id"]
        await killed(bob)
        anna.write("/hangup")
        await anna.call("ended")
        await bob.begin()
        await ring(anna, bob)
        async with wire_page(bob) as (page, hello):
            assert [call["state"] for call in hello["calls"]] == ["ringing"]
            assert (await page.ask("answer", call=before, media="video", instead=""))["type"] == "problem"
            assert (await page.ask("write", call=before, text="for the one before"))["type"] == "problem"
        assert await states(bob) == ["ringing"]
        anna.write("/hangup")
        await bob.call("ended")


# Kills at any moment.


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment_the_call_goes_on_or_is_over_and_no_epoch_is_used_twice(
    friends: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with paired(friends, tmp_path) as (anna, bob):
        with Wire() as wire:
            await ring(anna, bob)
            bob.write("/answer")
            await bob.call("connecting")
            for _ in range(3):
                # A random moment: while it connects, or dials again, or has just done so.
                await asyncio.sleep(chance.uniform(0, 0.2))
                victims = chance.choice([[anna], [bob], [anna, bob]])
                await killed(*victims)
                wire.ended(*victims)
                await asyncio.gather(*(victim.begin() for victim in victims))
            kept = [running(person) for person in (anna, bob)]
            up = all(kept)
            if up:
                # Neither has given it up, so it is connected again.
                assert kept[0][0].reference == kept[1][0].reference
                await active_again(anna, bob)
            for person in (anna, bob):
                await person.calm()
                assert running(person) == []
            for call in itertools.chain(*kept):
                logs = [len(logged(person, call.reference)) for person in (anna, bob)]
                assert logs == [1, 1] if up else max(logs) == 1
            assert wire.checks
            assert wire.used_twice() == []
        await connect(bob, anna)
        await hang_up(bob, anna)


async def active_again(*both: Person) -> None:
    for person in both:
        await person.until_status(lambda status: [call["state"] for call in status["calls"]] == ["active"])
    await media_again(*both)


async def states(person: Person) -> list[str]:
    """The states of its calls. A program that has just become ready is about to continue the stored ones."""
    return [call["state"] for call in (await person.status())["calls"]]


class Wire:
    """Every connectivity check that a program sends on this machine (packet(7), on the loopback device).

    Each belongs to one epoch, which the sender's own username fragment in it identifies.
    """

    def __init__(self) -> None:
        self.checks: dict[tuple[str, str], set[int]] = {}
        "For each sender's address and fragment, the runs of the sender that have used them."

        self._runs: dict[str, int] = {}
        try:
            self._packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        except PermissionError:
            pytest.skip("only root may look at packets")
        # The media of all programs on this machine may come faster than a test on a busy one reads them.
        attach(
            self._packets,
            [
                Instruction(LOAD_WORD, 0, 0, NETWORK_HEADER + MAGIC_COOKIE_AT),
                Instruction(JUMP_IF_EQUAL, 0, 1, MAGIC_COOKIE),
                Instruction(RETURN, 0, 0, WHOLE_PACKET),
                Instruction(RETURN, 0, 0, NOTHING),
            ],
        )
        self._packets.setblocking(False)
        self._packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES)

    def __enter__(self) -> Self:
        self._packets.bind(("lo", ETH_P_ALL))
        asyncio.get_running_loop().add_reader(self._packets, self.drain)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._packets)
        self._packets.close()

    def drain(self) -> None:
        """Read what has been sent."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, (_, ethertype, kind, *_) = self._packets.recvfrom(2048)
                if (ethertype, kind, packet[9]) == (ETH_P_IP, socket.PACKET_OUTGOING, socket.IPPROTO_UDP):
                    self._take(socket.inet_ntoa(packet[12:16]), packet[(packet[0] & 15) * 4 + 8 :])

    def _take(self, source: str, datagram: bytes) -> None:
        with contextlib.suppress(ValueError):
            message = stun.parse_message(datagram)
            if message.message_class is stun.Class.REQUEST:
                _, _, fragment = message.attributes["USERNAME"].partition(":")
                self.checks.setdefault((source, fragment), set()).add(self._runs.get(source, 0))

    def ended(self, *killed: Person) -> None:
        """Note that those programs are dead. From now on, packets from their addresses belong to their next run."""
        self.drain()
        for person in killed:
            address = str(loopback_address(person.id))
            self._runs[address] = self._runs.get(address, 0) + 1

    def used_twice(self) -> list[tuple[str, str]]:
        """The fragments that two runs of a program have used."""
        self.drain()
        return [sent for sent, runs in self.checks.items() if len(runs) > 1]
