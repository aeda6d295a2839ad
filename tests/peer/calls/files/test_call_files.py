"""Files in a call between two nodes in one process: what each side sees, and what is in the folder afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from peer.calls.files.folder import FilesFolder
from peer.calls.files.part_file import PartFile, part_name
from peer.calls.files.room import DiskRoom
from peer.calls.files.source_file import describe
from peer.calls.news import Paired
from shared.errors import CopybaraError, FileRefused
from shared.files.records import KeptFile
from shared.files.table import FileState
from shared.media import Media
from shared.messages import Text
from shared.node_id import NodeId
from shared.store import Store
from tests.peer.calls.files.calls import KEY, Side, call, two_nodes, written
from tests.peer.calls.nodes import LIMITS, Node, active, locked, over
from tests.shared.store.ordinary_user import NOBODY

THIEFS_KEY = b"t" * 32


async def test_a_file_is_offered_accepted_and_arrives_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, "holiday.jpg", 300_000)
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        sent = await here.files.send(path)
        assert (sent.state, sent.name, sent.size) == (FileState.OFFERED, "holiday.jpg", 300_000)
        offered = await there.until(FileState.OFFERED)
        assert (offered.ours, offered.name, offered.size) == (False, "holiday.jpg", 300_000)
        assert not ben.files.exists()  # an offer makes no file
        there.files.accept(offered.number)
        arrived = await there.until(FileState.DONE)
        await here.until(FileState.DONE)
        assert arrived.path == ben.files / "holiday.jpg"
        assert arrived.path.read_bytes() == path.read_bytes()
        assert stat.S_IMODE(arrived.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(ben.files.stat().st_mode) == 0o700
        assert [*(ben.files / ".parts").iterdir()] == []
        assert here.files.transfers == there.files.transfers == []


def opened(path: Path) -> list[str]:
    """The descriptors of this process that belong to a file, also to one that has lost its name."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(each).removesuffix(" (deleted)") == str(path):
                found.append(each.name)
    return found


def copied(who: Node, content: bytes) -> Path:
    """Make a copy as the page does: it goes when its transfer is over."""
    path, promise = who.switchboard.shelf.spool(len(content))
    os.write(promise.descriptor, content)
    who.switchboard.shelf.room.give_back(promise)
    os.close(promise.descriptor)
    return path


async def test_a_copy_that_has_arrived_leaves_the_disk_at_once(tmp_path: Path) -> None:
    """While it is open it has no name and keeps its place, which nobody could find."""
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, _ = await call(anna, ben)
        path = copied(anna, bytes(100_000))
        await here.files.send_copy(path, "a.bin", describe(path, largest=100_000), here.files.meant())
        await here.until(FileState.DONE)
        await here.files.send(written(tmp_path, "next.bin", 1000))
        await here.until(FileState.DONE, "next.bin")
        assert not opened(path)
        assert not path.exists()


async def test_a_declined_file_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", 1000)
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(path)
        there.files.decline((await there.until(FileState.OFFERED)).number)
        await here.until(FileState.DECLINED)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        assert not ben.files.exists()
        assert anna.store.kept_files() == ben.store.kept_files() == []


async def test_files_go_both_ways_at_once_and_an_empty_one_arrives(tmp_path: Path) -> None:
    names = {"one.bin": 400_000, "two.bin": 500_000, "empty": 0}
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        for seed, (name, size) in enumerate(names.items()):
            await here.files.send(written(tmp_path, name, size, seed))
            there.files.accept((await there.until(FileState.OFFERED, name)).number)
        await there.files.send(written(tmp_path, "back.bin", 450_000, 9))
        here.files.accept((await here.until(FileState.OFFERED, "back.bin")).number)
        for name in names:
            await there.until(FileState.DONE, name)
            assert (ben.files / name).read_bytes() == (tmp_path / name).read_bytes()
        await here.until(FileState.DONE, "back.bin")
        assert (anna.files / "back.bin").read_bytes() == (tmp_path / "back.bin").read_bytes()


async def test_a_contact_may_be_allowed_always(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(written(tmp_path, "a.txt", 1000))
        arrived = await there.until(FileState.DONE)
        assert arrived.automatic
        assert FileState.OFFERED not in [each.state for each in there.said()]


async def test_nothing_is_ever_written_over_another_file(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        ben.files.mkdir(mode=0o700)
        secret = tmp_path / "secret"
        secret.write_text("mine")
        (ben.files / "a.txt").symlink_to(secret)
        (ben.files / "a (2).txt").write_text("mine too")
        here, there = await call(anna, ben)
        await here.files.send(written(tmp_path, "a.txt", 1000))
        arrived = await there.until(FileState.DONE)
        assert arrived.path == ben.files / "a (3).txt"
        assert secret.read_text() == "mine"
        assert (ben.files / "a (2).txt").read_text() == "mine too"


@pytest.mark.parametrize("canceller", ["sender", "receiver"])
async def test_either_side_cancels_a_file_that_is_on_its_way(tmp_path: Path, canceller: str) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        sent = await here.files.send(written(tmp_path, "large.bin", 60_000_000))
        running = await there.until(FileState.RUNNING)
        if canceller == "sender":
            here.files.cancel(sent.number)
        else:
            there.files.cancel(running.number)
        await here.until(FileState.CANCELLED)
        await there.until(FileState.CANCELLED)
        # The call continues, and the next file can be sent.
        await here.files.send(written(tmp_path, "small.bin", 1000, 2))
        await there.until(FileState.DONE, "small.bin")
        assert [path.name for path in ben.files.iterdir() if path.is_file()] == ["small.bin"]
        assert [*(ben.files / ".parts").iterdir()] == []
        assert not opened(tmp_path / "large.bin")


async def test_no_more_of_a_file_is_sent_once_the_owner_has_hung_up(tmp_path: Path) -> None:
    """Also while another process has the database, so that the call can't be closed yet."""
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        for side in (here, there):
            await side.node.hears(Paired)
        files = here.files
        sent = await here.files.send(written(tmp_path, "large.bin", 60_000_000))
        await there.until(FileState.RUNNING)
        (entry,) = files._entries.values()
        with locked(anna):
            anna.switchboard.hang_up(here.line)
            await here.line.until(lambda: False)  # it ends
            position = entry.position
            assert position < sent.size
            await words_pass(there, here)
            assert entry.position == position
        await over(here.line, there.line)
        await here.until(FileState.PAUSED)


async def words_pass(writer: Side, reader: Side) -> None:
    """Let a few lines of text pass one after the other over the call's leg."""
    who = reader.node
    for _ in range(3):
        who.heard.clear()
        writer.node.switchboard.write(writer.line, "Hello")
        await who.hears(Text)


async def begun(anna: Node, ben: Node, path: Path, part: bytes) -> None:
    """Store a transfer that Ben accepted in an earlier call: its entry and the part that had arrived."""
    described = describe(path, largest=1_000_000)
    kept = KeptFile(
        peer=ben.id,
        ours=True,
        digest=described.digest,
        size=described.size,
        name=path.name,
        source=str(path),
        modified_ns=described.modified_ns,
        at=int(anna.now),
    )
    anna.store.keep_file(kept)
    theirs = msgspec.structs.replace(kept, peer=anna.id, ours=False, source="", modified_ns=0, proven=True)
    ben.store.keep_file(theirs)
    parts = ben.files / ".parts"
    for folder in (ben.files, parts):
        folder.mkdir(mode=0o700)
    (parts / part_name(theirs)).write_bytes(part)


async def test_a_file_continues_in_the_next_call_from_where_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, "large.bin", 500_000)
    async with two_nodes(tmp_path) as (anna, ben):
        await begun(anna, ben, path, path.read_bytes()[:300_000])
        here, there = await call(anna, ben)
        arrived = await there.until(FileState.DONE)
        await here.until(FileState.DONE)
        assert arrived.path == ben.files / "large.bin"
        assert arrived.path.read_bytes() == path.read_bytes()
        assert arrived.resumed == 300_000
        assert FileState.OFFERED not in [each.state for each in there.said()]  # the owner wasn't asked again


async def test_a_part_that_was_damaged_meanwhile_is_fetched_again_from_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, "large.bin", 500_000)
    async with two_nodes(tmp_path) as (anna, ben):
        await begun(anna, ben, path, bytes(300_000))
        _, there = await call(anna, ben)
        arrived = await there.until(FileState.DONE)
        assert arrived.path == ben.files / "large.bin"
        assert arrived.path.read_bytes() == path.read_bytes()
        assert arrived.resumed == 0


async def test_a_file_whose_part_another_call_has_waits_for_the_next_one(tmp_path: Path) -> None:
    path = written(tmp_path, "large.bin", 500_000)
    async with two_nodes(tmp_path) as (anna, ben):
        await begun(anna, ben, path, path.read_bytes()[:300_000])
        (theirs,) = ben.store.kept_files(anna.id)
        other = PartFile(FilesFolder(ben.files, DiskRoom(LIMITS)), theirs)
        here, there = await call(anna, ben)
        await there.until(FileState.PAUSED)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        other.close()
        here, there = await call(anna, ben)
        assert (await there.until(FileState.DONE)).resumed == 300_000
        await here.until(FileState.DONE)


async def test_what_is_not_finished_waits_for_the_next_call(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", 1000)
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(path)
        await there.until(FileState.OFFERED)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        assert here.said()[-1].state is FileState.PAUSED
        assert there.said()[-1].state is FileState.CANCELLED  # until somebody accepts it, only the sender keeps it
        here, there = await call(anna, ben)
        await ben.until(lambda: len([each for each in there.said() if each.state is FileState.OFFERED]) == 2)
        there.files.accept(there.said()[-1].number)
        await here.until(FileState.DONE)


@pytest.mark.parametrize("offered_in_proven", [True, False])
async def test_what_waits_for_a_contact_is_not_offered_in_a_call_without_their_key(
    tmp_path: Path, offered_in_proven: bool
) -> None:
    path, other = written(tmp_path, "for ben.txt", 1000), written(tmp_path, "other.txt", 1000, 2)
    async with two_nodes(tmp_path) as (anna, ben):
        described = describe(path, largest=1000)
        kept = KeptFile(
            peer=ben.id,
            ours=True,
            digest=described.digest,
            size=described.size,
            name=path.name,
            source=str(path),
            modified_ns=described.modified_ns,
            proven=offered_in_proven,
            at=int(anna.now),
        )
        anna.store.keep_file(kept)
        # Somebody else is at Ben's node, with nothing of Ben's but the node id.
        ben.store.forget_secrets(anna.id)
        theirs, ours = await call(ben, anna)
        assert not ours.line.proven
        assert ours.files.transfers == []
        await ours.files.send(other)
        await theirs.until(FileState.OFFERED, "other.txt")
        assert [each.name for each in theirs.said()] == ["other.txt"]
        ben.switchboard.hang_up(theirs.line)
        await over(theirs.line, ours.line)
        # Ben himself gets it.
        ben.knows(anna, key=KEY)
        _, there = await call(anna, ben)
        await there.until(FileState.OFFERED, "for ben.txt")
        assert kept in anna.store.kept_files(ben.id)


async def test_a_copy_that_no_later_call_continues_goes_with_its_call(tmp_path: Path) -> None:
    content = written(tmp_path, "for ben.txt", 1000).read_bytes()
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(tmp_path / "for ben.txt")
        await there.until(FileState.OFFERED)
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        # Somebody else is at Ben's node, with nothing of Ben's but the node id, and gets the same from the page.
        ben.store.forget_secrets(anna.id)
        theirs, ours = await call(ben, anna)
        path = copied(anna, content)
        await ours.files.send_copy(path, "copy.txt", describe(path, largest=1000), ours.files.meant())
        await theirs.until(FileState.OFFERED, "copy.txt")
        ben.switchboard.hang_up(theirs.line)
        await over(theirs.line, ours.line)
        assert not path.exists()
        (kept,) = anna.store.kept_files(ben.id)
        assert kept.source == str(tmp_path / "for ben.txt")


@pytest.mark.parametrize("kept_in_the_call", [True, False])
@pytest.mark.parametrize("offered_in_proven", [True, False])
async def test_what_waits_for_a_contact_is_not_offered_to_a_stranger_who_has_their_node_later(
    tmp_path: Path, offered_in_proven: bool, kept_in_the_call: bool
) -> None:
    path = written(tmp_path, "for ben.txt", 1000)
    async with two_nodes(tmp_path) as (anna, ben):
        if not offered_in_proven:
            anna.store.forget_secrets(ben.id)
            ben.store.forget_secrets(anna.id)
        here, there = await call(anna, ben)
        await here.files.send(path)
        await there.until(FileState.OFFERED)
        contact = anna.store.contact_of(ben.id)
        assert contact is not None
        # Ben has moved to another node, while this call continues.
        anna.store.move_contact(contact, NodeId(b"new".ljust(32)))
        (kept,) = anna.store.kept_files()
        anna.switchboard.hang_up(here.line)
        await over(here.line, there.line)
        if kept_in_the_call:
            anna.store.keep_file(msgspec.structs.replace(kept, peer=ben.id))
        # A stranger who had a call with Anna from that node before.
        anna.store.propose_secret(ben.id, THIEFS_KEY, 1)
        anna.store.commit_secret(ben.id, THIEFS_KEY)
        ben.store.forget_secrets(anna.id)
        ben.knows(anna, key=THIEFS_KEY)
        theirs, ours = await call(ben, anna)
        assert ours.line.shown.contact is None
        await ours.files.send(written(tmp_path, "other.txt", 1000, 3))
        await theirs.until(FileState.OFFERED, "other.txt")
        assert [each.name for each in theirs.files.transfers] == ["other.txt"]


FINDS_OUT: dict[str, Callable[[Store, NodeId], object]] = {
    "confirms the words of another call": lambda store, node: (
        store.propose_secret(node, THIEFS_KEY, 0, stranger=True) or store.confirm_secret(node, THIEFS_KEY)
    ),
    "accepts their new node": lambda store, node: store.move_contact(store.contacts()[0], NodeId(b"new".ljust(32))),
    "removes them": lambda store, node: store.remove_contact("ben"),
}
"What an owner does on the command line, in another process, after finding out that the call isn't with the contact."


@pytest.mark.parametrize("finds_out", FINDS_OUT.values(), ids=[*FINDS_OUT])
@pytest.mark.parametrize("ours", [True, False], ids=["that we send", "that we take without asking"])
async def test_no_more_of_a_file_is_for_a_call_that_has_lost_its_proof(
    tmp_path: Path, finds_out: Callable[[Store, NodeId], object], ours: bool
) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        anna.store.save_contact(msgspec.structs.replace(anna.store.contacts()[0], files=True))
        here, there = await call(anna, ben)
        sender, receiver = (here, there) if ours else (there, here)
        await sender.files.send(written(tmp_path, "large.bin", 12_000_000))
        for each in (sender, receiver):
            await each.until(FileState.RUNNING)
        with contextlib.closing(Store(anna.store.path)) as command_line:
            finds_out(command_line, ben.id)
        if ours:
            await here.until(FileState.PAUSED)
        await receiver.until(FileState.CANCELLED)
        assert not list(receiver.node.files.glob("large*"))


@pytest.mark.parametrize("finds_out", FINDS_OUT.values(), ids=[*FINDS_OUT])
@pytest.mark.parametrize("soon", [True, False])
async def test_a_file_that_is_read_as_its_call_loses_its_proof_is_not_offered(
    tmp_path: Path, finds_out: Callable[[Store, NodeId], object], soon: bool
) -> None:
    path = written(tmp_path, "large.bin", 60_000_000)
    async with two_nodes(tmp_path) as (anna, ben):
        here, _ = await call(anna, ben)
        refused: asyncio.Future[CopybaraError] = asyncio.get_running_loop().create_future()
        if soon:
            here.files.send_soon(path, refused.set_result)
            sending = None
        else:
            sending = asyncio.create_task(here.files.send(path))
            await asyncio.sleep(0)  # sending has begun
        finds_out(anna.store, ben.id)
        if sending is None:
            assert "isn't surely with them" in (await refused).sentence
        else:
            with pytest.raises(FileRefused, match="isn't surely with them"):
                await sending
        assert here.files.transfers == []


async def test_a_file_that_changes_after_it_was_offered_is_taken_back(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", 1000)
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(path)
        offered = await there.until(FileState.OFFERED)
        path.write_bytes(b"other words")
        there.files.accept(offered.number)
        await there.until(FileState.CANCELLED)
        assert "changed" in (await here.until(FileState.FAILED)).why
        assert [each.name for each in ben.files.iterdir()] == [".parts"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user; .ci/run is root and runs it")
async def test_a_link_that_another_user_puts_in_the_place_of_their_file_leads_to_nothing(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        here, there = await call(anna, ben)
        secret, theirs = written(tmp_path, "secret", 100_000), written(tmp_path, "picture.jpg", 100_000, 2)
        os.chown(theirs, NOBODY, NOBODY)
        os.utime(theirs, ns=(0, secret.stat().st_mtime_ns))
        await here.files.send(theirs)
        offer = await there.until(FileState.OFFERED)
        theirs.unlink()
        theirs.symlink_to(secret)
        there.files.accept(offer.number)
        assert "was changed after it was offered" in (await here.until(FileState.FAILED)).why
        await there.until(FileState.CANCELLED)
        assert [each.name for each in ben.files.iterdir()] == [".parts"]


async def test_what_cannot_be_sent_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as (anna, ben):
        here, _ = await call(anna, ben)
        for path in (tmp_path / "missing", tmp_path, Path("/dev/null"), Path("with\0nul")):
            with pytest.raises(FileRefused):
                await here.files.send(path)
        path = written(tmp_path, "twice", 10)
        await here.files.send(path)
        with pytest.raises(FileRefused, match="already"):
            await here.files.send(path)


async def test_a_program_of_version_1_is_sent_no_word_about_files(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, takes_files=False) as (anna, ben):
        line = await anna.switchboard.place(ben.id, Media.BOTH)
        reading = (await ben.reads_all(anna))[-1]
        assert reading.line is not None
        await ben.switchboard.answer(reading.line)
        await active((anna, line), (ben, reading.line))
        await anna.hears(Paired, line)  # so hello was read
        with pytest.raises(FileRefused, match="doesn't take files"):
            await anna.switchboard.files(line).send(written(tmp_path, "a", 10))
        with pytest.raises(FileRefused, match="No files"):
            ben.switchboard.files(reading.line)
