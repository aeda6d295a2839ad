"""The other side breaks the rules about files, and loses the file, the channel or the call."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from peer.calls.files.arriving import MAX_STRAY
from peer.calls.files.folder import PARTS
from peer.calls.files.frames import MAX_PIECE, Piece, Taken, encode
from peer.calls.files.room import FileLimits
from peer.transport.files_channel import FilesChannel
from peer.transport.leg import Leg
from shared.call.table import EndReason, State
from shared.contacts import Trust
from shared.files.offers import MAX_RUNNING, MAX_WAITING
from shared.files.table import FileState
from shared.messages import FileAccept, FileCancel, FileOffer, FileOutcome, FileResult, Hello
from shared.store.replaceable import replaceable
from tests.peer.calls.files.calls import Side, call, two_nodes
from tests.peer.calls.nodes import Node, active, over
from tests.written_files import until_written


def leg_of(side: Side) -> Leg:
    leg = side.session.leg
    assert leg is not None
    return leg


class Forger:
    """Offers and sends anything, in place of a correct program."""

    def __init__(self, side: Side) -> None:
        self._control = leg_of(side).control
        self._side = side
        self.results: list[FileResult] = []
        self.accepted: list[FileAccept] = []
        self.offers: list[FileOffer] = []
        files = side.files
        received = files.received

        def note(message: object) -> None:
            if isinstance(message, FileResult):
                self.results.append(message)
            elif isinstance(message, FileAccept):
                self.accepted.append(message)
            else:
                if isinstance(message, FileOffer):
                    self.offers.append(message)
                received(message)  # type: ignore[arg-type]
            side.node.happened.set()

        files.received = note  # type: ignore[method-assign]

    def offer(self, content: bytes, *, name: str = "a.bin", size: int | None = None, voice: bool = False) -> bytes:
        """Offer content, perhaps with another size or as a voice message. Returns its id."""
        digest = hashlib.sha256(content).digest()
        self._control.send(FileOffer(digest, len(content) if size is None else size, name, voice=voice))
        return digest

    def cancel(self, digest: bytes) -> None:
        self._control.send(FileCancel(digest))

    async def channel(self) -> FilesChannel:
        """Wait until the channel for files is open, and return it."""
        return await leg_of(self._side).open_files(lambda message: None)

    async def hears(self, outcome: FileOutcome) -> FileResult:
        """Wait for the first result of that kind."""
        await self._side.node.until(lambda: any(each.result == outcome for each in self.results))
        return next(each for each in self.results if each.result == outcome)


def parts(folder: Path) -> list[str]:
    """Names in the folder and in `.parts`."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("wrong", ["content", "too much", "gap"])
async def test_a_file_that_is_not_what_was_offered_is_removed_and_costs_only_itself(tmp_path: Path, wrong: str) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        digest = forger.offer(b"x" * 1000)
        await here.node.until(lambda: bool(forger.accepted))
        channel = await forger.channel()
        pieces = {
            "content": [Piece(digest, 0, b"y" * 1000)],
            "too much": [Piece(digest, 0, b"x" * 1001)],
            "gap": [Piece(digest, 10, b"x" * 990)],
        }
        for piece in pieces[wrong]:
            await channel.send(encode(piece))
        await forger.hears(FileOutcome.DAMAGED)
        await there.until(FileState.FAILED)
        assert there.line.call.state is State.ACTIVE
        # The next file is accepted.
        good = forger.offer(b"good", name="good.txt")
        await here.node.until(lambda: len(forger.accepted) == 2)
        await channel.send(encode(Piece(good, 0, b"good")))
        await there.until(FileState.DONE)
        assert parts(ben.files) == ["good.txt"]
        assert (ben.files / "good.txt").read_bytes() == b"good"


async def test_offers_in_bulk_and_storms_of_cancels_reach_the_owner_a_few_times_only(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        for number in range(60):
            digest = forger.offer(number.to_bytes(4, "big"))
            if number >= MAX_WAITING:
                forger.cancel(digest)
        await here.node.until(lambda: len(forger.results) >= 60 - MAX_WAITING - 16)
        assert {each.result for each in forger.results} == {FileOutcome.TOO_MANY}
        assert len([each for each in there.said() if each.state is FileState.OFFERED]) <= 16
        assert len(there.files.transfers) <= MAX_WAITING
        assert not ben.files.exists()
        assert ben.store.kept_files() == []
        assert there.line.call.state is State.ACTIVE


async def test_a_file_is_offered_once_on_a_leg_however_often_the_other_side_says_hello(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        (path := tmp_path / "a.txt").write_text("a")
        await there.files.send(path)
        await here.node.until(lambda: len(forger.offers) == 1)
        for _ in range(3):
            leg_of(here).control.send(Hello(version=2, media=1))
        (path := tmp_path / "b.txt").write_text("b")
        await there.files.send(path)
        await here.node.until(lambda: forger.offers[-1].name == "b.txt")
        assert [each.name for each in forger.offers] == ["a.txt", "b.txt"]


async def test_more_messages_about_files_than_a_call_needs_end_it_as_a_flood(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        control = leg_of(here).control
        for number in range(210):
            control.send(FileCancel(number.to_bytes(32, "big")))
        await over(there.line)
        assert there.line.call.reason is EndReason.FLOODED


async def test_a_contact_who_may_always_has_no_more_on_its_way_than_is_allowed(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        for number in range(MAX_RUNNING + 4):
            forger.offer(bytes([number]) * 100)
        await forger.hears(FileOutcome.TOO_MANY)
        assert len(there.files.transfers) <= MAX_RUNNING


LIMITS = FileLimits(largest=100_000_000, folder=1_000_000_000, free=0, voice=5_000_000)


async def redialled(anna: Node, ben: Node, here: Side, there: Side) -> Forger:
    """Lose the path, and dial it again."""
    await leg_of(here).close()
    for side in (here, there):
        await side.node.until(lambda side=side: side.line.call.state is State.RECONNECTING)  # type: ignore[misc]
    await active((anna, here.line), (ben, there.line))
    for side in (here, there):
        await side.ready()
    return Forger(here)


@pytest.mark.parametrize("voice", [False, True])
@pytest.mark.parametrize("when", ["whole", "again", "before"])
async def test_a_file_that_was_taken_without_asking_ends_with_what_has_allowed_it(
    tmp_path: Path, voice: bool, when: str
) -> None:
    async with two_nodes(tmp_path, always=not voice, limits=LIMITS) as (anna, ben):
        here, there = await call(anna, ben)
        forger, name, content = Forger(here), "a.ogg" if voice else "a.bin", b"x" * (3 * MAX_PIECE)
        digest = forger.offer(content, name=name, voice=voice)
        await here.node.until(lambda: bool(forger.accepted))
        channel = await forger.channel()
        await channel.send(encode(Piece(digest, 0, content[:MAX_PIECE])))
        await there.node.until(lambda: there.files.transfers[0].done == MAX_PIECE)
        if when == "again":
            forger = await redialled(anna, ben, here, there)
            forger.offer(content, name=name, voice=voice)
            await here.node.until(lambda: bool(forger.accepted))
            channel = await forger.channel()
        contact = ben.store.contact_named("anna")
        assert contact is not None
        ben.store.save_contact(msgspec.structs.replace(contact, trust=Trust.BLOCK))
        if when == "before":
            forger = await redialled(anna, ben, here, there)
            forger.offer(content, name=name, voice=voice)
            await there.node.until(lambda: there.said()[-1].state is FileState.OFFERED)
            assert forger.accepted == []
            # Ben may accept the file all the same.
            there.files.accept(there.said()[-1].number)
            await here.node.until(lambda: bool(forger.accepted))
            channel = await forger.channel()
            for at in range(MAX_PIECE, len(content), MAX_PIECE):
                await channel.send(encode(Piece(digest, at, content[at : at + MAX_PIECE])))
            await there.node.until(lambda: there.said()[-1].state is FileState.DONE)
        else:
            await channel.send(encode(Piece(digest, MAX_PIECE, content[MAX_PIECE : 2 * MAX_PIECE])))
            await forger.hears(FileOutcome.CANCELLED)
            await until_written(ben.files / PARTS, lambda: not parts(ben.files))


async def test_an_offer_in_a_call_without_the_key_leaves_the_contacts_half_file_alone(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        forger, content = Forger(here), b"x" * (3 * MAX_PIECE)
        digest = forger.offer(content, name="from-anna.bin")
        await here.node.until(lambda: bool(forger.accepted))
        channel = await forger.channel()
        await channel.send(encode(Piece(digest, 0, content[:MAX_PIECE])))
        await there.node.until(lambda: there.files.transfers[0].done == MAX_PIECE)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        kept, half = ben.store.kept_files(), parts(ben.files)
        assert [each.name for each in kept] == ["from-anna.bin"]
        # From now on somebody without the key is at her node.
        anna.store.forget_secrets(ben.id)
        anna.now += 100
        ben.now += 100
        here, there = await call(anna, ben)
        assert not there.line.proven
        for takes in (False, True):
            forger = Forger(here)
            forger.offer(content, name="other.exe")
            await there.node.until(lambda: there.said()[-1].state is FileState.OFFERED)
            assert there.said()[-1].name == "other.exe"
            if takes:
                there.files.accept(there.said()[-1].number)
                await here.node.until(lambda forger=forger: bool(forger.accepted))  # type: ignore[misc]
                assert forger.accepted[0].offset == 0, "that there is a part of it is nobody's business"
            forger.cancel(digest)
            await there.node.until(lambda: there.said()[-1].state is FileState.CANCELLED)
            await until_written(ben.files / PARTS, lambda: parts(ben.files) == half)
            assert ben.store.kept_files() == kept


async def test_a_file_larger_than_allowed_or_than_there_is_room_for_is_refused(tmp_path: Path) -> None:
    limits = FileLimits(largest=5_000, folder=6_000, free=0)
    async with two_nodes(tmp_path, always=True, limits=limits) as (anna, ben):
        here, _ = await call(anna, ben)
        forger = Forger(here)
        forger.offer(b"", size=5_001)
        await forger.hears(FileOutcome.TOO_LARGE)
        ben.files.mkdir(mode=0o700)
        (ben.files / "old").write_bytes(b"o" * 2_000)
        forger.offer(b"x" * 4_500)
        await forger.hears(FileOutcome.NO_ROOM)
        assert parts(ben.files) == ["old"]


async def test_files_that_are_offered_at_once_get_no_more_room_together_than_there_is(tmp_path: Path) -> None:
    limits = FileLimits(largest=5_000, folder=11_000, free=0)
    async with two_nodes(tmp_path, always=True, limits=limits) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        contents = {hashlib.sha256(content).digest(): content for content in (bytes([n]) * 5_000 for n in range(6))}
        for content in contents.values():
            forger.offer(content)
        await here.node.until(lambda: len(forger.accepted) + len(forger.results) == 6)
        assert len(forger.accepted) == 2
        assert {each.result for each in forger.results} == {FileOutcome.NO_ROOM}
        # One file arrives and the other is cancelled, so both leave their room to the next file.
        arrives, cancelled = (each.id for each in forger.accepted)
        channel = await forger.channel()
        await channel.send(encode(Piece(arrives, 0, contents[arrives])))
        await there.until(FileState.DONE)
        forger.cancel(cancelled)
        await there.until(FileState.CANCELLED)
        forger.offer(b"n" * 5_000)
        await here.node.until(lambda: len(forger.accepted) == 3)


async def test_a_folder_that_others_can_write_to_takes_nothing(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        ben.files.mkdir(mode=0o700)
        ben.files.chmod(0o777)
        Forger(here).offer(b"x" * 100)
        assert "Others can write" in (await there.until(FileState.FAILED)).why
        assert parts(ben.files) == []


async def test_a_folder_that_others_can_replace_takes_nothing(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        shared = ben.files.parent / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        (shared / "ben").symlink_to(elsewhere)
        ben.switchboard.files(there.line)._shelf.folder.path = shared / "ben"
        Forger(here).offer(b"x" * 100)
        assert "could put another folder in the place" in (await there.until(FileState.FAILED)).why
        assert list(elsewhere.iterdir()) == []


def test_a_link_that_lies_where_others_can_replace_it_is_found_in_a_chain_of_links(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    (own / "real").mkdir(parents=True)
    shared.mkdir()
    (shared / "second").symlink_to(own / "real")
    (own / "first").symlink_to(shared / "second")
    assert replaceable(own / "first" / "files") is None
    shared.chmod(0o777)
    found = replaceable(own / "first" / "files")
    assert found is not None
    assert found.folder == shared


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's link; .ci/run is root and runs it")
def test_a_link_of_another_user_on_the_way_is_found(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    (link := shared / "link").symlink_to(own)
    shared.chmod(0o1777)  # like /tmp, where another user's link may lead elsewhere
    assert replaceable(link / "files") is None
    os.lchown(link, 1, 1)
    found = replaceable(link / "files")
    assert found is not None
    assert (found.folder, found.who) == (link, "Another user")


async def test_a_part_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        digest = hashlib.sha256(b"x" * 100).digest()
        (ben.files / ".parts").mkdir(parents=True, mode=0o700)
        ben.files.chmod(0o700)
        (ben.files / ".parts" / f"{digest.hex()}-{anna.id.key.hex()[:16]}.part").symlink_to(victim)
        Forger(here).offer(b"x" * 100)
        await there.until(FileState.FAILED)
        assert victim.read_bytes() == b"precious"


async def test_pieces_that_nobody_wants_end_the_channel_and_not_the_call(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        forger.offer(b"x" * 1000)
        await here.node.until(lambda: bool(forger.accepted))
        channel = await forger.channel()
        for _ in range(MAX_STRAY // MAX_PIECE + 2):
            await channel.send(encode(Piece(b"n" * 32, 0, b"n" * MAX_PIECE)))
        theirs = leg_of(there)._files
        assert theirs is not None
        await theirs.closed.wait()
        assert there.line.call.state is State.ACTIVE
        there.session.write("still here")


@pytest.mark.parametrize("message", [b"", b"\x02" * 50, encode(Taken(b"a" * 32, 1))[:-1], "text"])
async def test_what_is_no_frame_ends_the_channel_and_not_the_call(tmp_path: Path, message: bytes | str) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        forger = Forger(here)
        forger.offer(b"x" * 1000)
        await here.node.until(lambda: bool(forger.accepted))
        channel = await forger.channel()
        await channel.send(message or b"\x00")  # type: ignore[arg-type]
        theirs = leg_of(there)._files
        assert theirs is not None
        await theirs.closed.wait()
        assert there.line.call.state is State.ACTIVE
