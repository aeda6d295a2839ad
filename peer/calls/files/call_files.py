"""The files of one call: what both sides say about them, and the tasks that carry them.

shared/files/ decides. One task writes what arrives, in the order in which it comes; another one reads what is sent.
Transfers outlive a leg: on the next one each continues where the receiver is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import msgspec

from peer.calls.files.arriving import ArrivingFiles
from peer.calls.files.entry import FileEntry
from peer.calls.files.frames import Piece, Taken, decode
from peer.calls.files.leaving import LeavingFiles
from peer.calls.files.other_side import Meant, OtherSide
from peer.calls.files.part_file import part_name
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described, describe
from peer.calls.files.transfer import FileChanged, Transfer
from peer.calls.limits import OWN_OFFERS
from peer.calls.repeats import GoesOn, Repeated, Repeats, Telling
from peer.transport.leg import Leg
from shared.errors import CopybaraError, FileRefused, LegFailed, RemoteProtocolError, StoreError
from shared.files.names import safe_name
from shared.files.offers import MAX_RUNNING, Become, OfferedFile, continued, decide, is_voice_message
from shared.files.records import KeptFile
from shared.files.table import FileEvent, FileState
from shared.in_thread import in_thread_to_its_end
from shared.messages import (
    FILES_VERSION,
    FileAccept,
    FileCancel,
    FileMessage,
    FileOffer,
    FileOutcome,
    FileResult,
)
from shared.rate import Bucket

logger = logging.getLogger(__name__)

HELLO_SECONDS = 2.0
"How long to wait for the other side's first message once a leg is up: the owner's next command waits as long."

TICK_SECONDS = 1.0
"Seconds between two reports of progress."

Key: TypeAlias = tuple[bool, bytes]
"Whether we send it, and its SHA-256."

REFUSED = {
    FileOutcome.TOO_LARGE: "It is larger than they take.",
    FileOutcome.TOO_MANY: "They have too many files waiting.",
    FileOutcome.NO_ROOM: "They have no room for it.",
    FileOutcome.DAMAGED: "What arrived wasn't what was sent: the file has changed, or something between you is broken.",
}
"Why the other side didn't take it."


class CallFiles:
    """All transfers of one call, for as long as its session runs."""

    def __init__(
        self, other_side: OtherSide, shelf: FileShelf, *, tell: Callable[[FileChanged | GoesOn], None]
    ) -> None:
        """`tell` gets everything that happens to a file. It is called in the event loop and must not block."""
        self._other_side = other_side
        self._shelf = shelf
        self._tell = tell
        self._entries: dict[Key, FileEntry] = {}
        self._leg: Leg | None = None
        self._speaks = False
        "Whether the other side's program has said on this leg that it takes files."

        self._stopped = False
        "Whether the call is over, and only being closed."

        self._heard = asyncio.Event()
        "Set once it has said on this leg whether it does."

        self._repeats = Repeats()
        self._offers: asyncio.Queue[FileEntry] = asyncio.Queue()
        self._over: deque[FileEntry] = deque()
        "Transfers that are over, and have to be removed from the store."

        self._reading: asyncio.Queue[tuple[Path, Meant, Callable[[CopybaraError], None]]] = asyncio.Queue()
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._arriving = ArrivingFiles(
            shelf, accept=self._taken, acknowledge=self._acknowledge, ended=self._received, busy=self._busy
        )
        self._leaving = LeavingFiles(
            may=lambda entry: other_side.is_for_them(entry.kept), withheld=self._withheld, failed=self._unreadable
        )

    # The session.

    async def run(self) -> None:
        """Own every task of the transfers until cancelled. A fault in here costs the files, and not the call."""
        owner = asyncio.current_task()
        assert owner is not None
        try:
            self.take_up()
            parts = {
                "arriving": self._arriving.run,
                "leaving": self._leaving.run,
                "offers": self._offer,
                "reading": self._read,
                "jobs": self._work,
                "clock": self._tick,
            }
            async with asyncio.TaskGroup() as group:
                for name, part in parts.items():
                    group.create_task(_missed(part, owner), name=f"files: {name}")
        except* Exception as broken:
            _, others = broken.split(_Ended)
            logger.error("the files of a call are broken", exc_info=others)
            self._speaks = False
            for entry in tuple(self._entries.values()):
                self._end(entry, FileEvent.FAIL, why="A fault in the program ended it.")
            await asyncio.Event().wait()
        finally:
            self._close()
            await self._arriving.let_go()
            while self._over:
                over = self._over.popleft()
                await self._shelf.forget(over.kept, aside=over.aside)

    def connected(self, leg: Leg) -> None:
        """A leg is up. Nothing is sent about files until the other side has said hello on it."""
        self._leg = leg
        self._speaks = False
        self._heard.clear()

    def greeted(self, version: int) -> None:
        """The other side has said hello, with that version: offer again what isn't over, once on each leg."""
        again = self._speaks
        self._speaks = version >= FILES_VERSION
        self._heard.set()
        if self._speaks and not again:
            for entry in self._entries.values():
                if entry.transfer.ours and self._other_side.is_for_them(entry.kept):
                    self._offers.put_nowait(entry)

    def gained_proof(self) -> None:
        """The call proves from now on who they are: offer what waits for that."""
        before = tuple(self._entries.values())
        self.take_up()
        for entry in before:
            waits = entry.transfer.ours and entry.transfer.state is FileState.PAUSED
            if self._speaks and waits and self._other_side.is_for_them(entry.kept):
                self._offers.put_nowait(entry)

    def take_up(self) -> None:
        """Go on with our files for this other side that weren't done when the last call, or the program, ended.

        And with what the owner has left for them since, also during this call.
        """
        try:
            kept_files = self._other_side.transfers()
        except StoreError as error:
            logger.warning("files from before can't be continued: %s", error.sentence)
            return
        ours = [kept for kept in kept_files if kept.ours and self._other_side.is_for_them(kept)]
        for kept in ours[-MAX_RUNNING:]:
            if (True, kept.digest) not in self._entries:
                entry = self._enter(kept, FileState.PAUSED)
                entry.offered = True
                if self._speaks:
                    self._offers.put_nowait(entry)

    def disconnected(self) -> None:
        """The leg is gone."""
        self._leg, self._speaks = None, False
        self._leaving.disconnected()
        for entry in tuple(self._entries.values()):
            if entry.transfer.state is FileState.RUNNING:
                self._change(entry, FileEvent.LOSE, rate=None)

    def stop(self) -> None:
        """The call is over: send no more of any file, take nothing more, and begin none. What has arrived is noted."""
        self._stopped = True
        self._leaving.disconnected()

    def received(self, message: FileMessage) -> None:
        """Act on what the other side says. Raises RemoteProtocolError."""
        if not self._speaks:
            return
        match message:
            case FileOffer() | FileAccept() if self._stopped:
                pass
            case FileOffer():
                self._offered(message)
            case FileCancel():
                if (entry := self._entries.get((False, message.id))) is not None:
                    self._end(entry, FileEvent.CANCEL)
            case FileAccept():
                if (entry := self._entries.get((True, message.id))) is not None:
                    self._accepted(entry, message.offset)
            case FileResult():
                if (entry := self._entries.get((True, message.id))) is not None:
                    self._refused(entry, message.result)

    # The owner.

    @property
    def transfers(self) -> list[Transfer]:
        """The transfers that aren't over, in the order of their numbers."""
        return sorted((entry.transfer for entry in self._entries.values()), key=lambda each: each.number)

    async def send(self, path: Path) -> Transfer:
        """Offer a file, by its absolute path, to the other side. Raises FileRefused, StoreError."""
        meant = self.meant()
        await self.ready()
        return await self._describe_and_send(path, meant)

    def meant(self) -> Meant:
        """Whom a file is for that the owner wants to send now."""
        return self._other_side.meant()

    def send_soon(self, path: Path, failed: Callable[[CopybaraError], None]) -> None:
        """Do what `send` does, without waiting for a large file to be read. `failed` gets the error if it can't be
        offered.

        Raises FileRefused if too many files wait to be read.
        """
        if self._reading.qsize() >= MAX_RUNNING:
            raise FileRefused(f"{MAX_RUNNING} files are being read already.", "Wait until one is offered.")
        self._reading.put_nowait((path, self.meant(), failed))

    async def send_copy(self, path: Path, name: str, described: Described, meant: Meant) -> Transfer:
        """Do what `send` does with a copy of our own, which was described already and is removed after the transfer."""
        return await self._send(path, name, described, meant, spooled=True)

    async def _describe_and_send(self, path: Path, meant: Meant) -> Transfer:
        described = await in_thread_to_its_end(lambda: describe(path, largest=self._shelf.limits.largest))
        return await self._send(path, path.name, described, meant, spooled=False)

    async def _send(self, path: Path, name: str, described: Described, meant: Meant, *, spooled: bool) -> Transfer:
        self._check_speaks()
        if not self._other_side.is_still(meant):
            raise FileRefused(
                "The file wasn't sent: the call isn't surely with them any more.", "Call them, and send it then."
            )
        if (True, described.digest) in self._entries:
            raise FileRefused("That file is being sent already.", "")
        if sum(entry.transfer.ours for entry in self._entries.values()) >= MAX_RUNNING:
            raise FileRefused(f"{MAX_RUNNING} files are being sent already.", "Wait until one has arrived.")
        kept = KeptFile(
            peer=self._other_side.node,
            ours=True,
            digest=described.digest,
            size=described.size,
            name=safe_name(name),
            source=str(path),
            spooled=spooled,
            modified_ns=described.modified_ns,
            owner=described.owner,
            proven=self._other_side.proven,
            to_contact=self._other_side.is_contact,
            at=self._shelf.now(),
        )
        aside = self._other_side.is_beside_a_proven_one(kept)
        if not aside:
            await self._shelf.keep(kept)
        entry = self._enter(kept, FileState.OFFERED)
        entry.aside = aside
        self._offers.put_nowait(entry)
        self._say(entry)
        return entry.transfer

    async def ready(self) -> None:
        """Wait a moment until the other side has said whether it takes files. Raises FileRefused if it doesn't."""
        if self._leg is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HELLO_SECONDS):
                    await self._heard.wait()
        self._check_speaks()

    def accept(self, number: int) -> Transfer:
        """Accept a file that is offered. Raises FileRefused."""
        entry = self._waiting(number)
        self._check_speaks()
        self._repeats.answered(Repeated.OFFER)
        entry.wanted = True
        entry.kept = msgspec.structs.replace(entry.kept, automatic=False)
        self._arriving.take(entry)
        return entry.transfer

    def decline(self, number: int) -> Transfer:
        """Decline a file that is offered. Raises FileRefused."""
        entry = self._waiting(number)
        self._repeats.answered(Repeated.OFFER)
        self._result(entry, FileOutcome.DECLINED)
        return self._end(entry, FileEvent.DECLINE, by_us=True)

    def cancel(self, number: int) -> Transfer:
        """End a transfer, ours or theirs. Raises FileRefused."""
        entry = self._numbered(number)
        if entry.transfer.ours:
            self._send_message(FileCancel(entry.kept.digest))
        else:
            self._result(entry, FileOutcome.CANCELLED)
        return self._end(entry, FileEvent.CANCEL, by_us=True)

    def _numbered(self, number: int) -> FileEntry:
        for entry in self._entries.values():
            if entry.transfer.number == number:
                return entry
        raise FileRefused("There is no such file in this call any more.", "See which there are: /files")

    def _waiting(self, number: int) -> FileEntry:
        entry = self._numbered(number)
        if entry.transfer.ours or entry.transfer.state is not FileState.OFFERED or entry.wanted:
            raise FileRefused(f"{entry.transfer.name} doesn't wait for your answer.", "See which do: /files")
        return entry

    def _check_speaks(self) -> None:
        if self._leg is None or not self._heard.is_set():
            raise FileRefused("The call isn't connected right now.", "Try again once it is.")
        if not self._speaks:
            raise FileRefused("Their program doesn't take files.", "They need a newer version of Copybara.")

    # What the other side says.

    def _offered(self, message: FileOffer) -> None:
        known = self._entries.get((False, message.id))
        is_voice = is_voice_message(
            safe_name(message.name),
            message.size,
            marked=message.voice,
            proven=self._other_side.proven,
            contact=self._other_side.is_contact,
        )
        offered = self._standing(message, known, is_voice=is_voice)
        become = decide(offered, largest=self._shelf.limits.largest)
        if known is None and not self._is_heard(become):
            become = Become.TOO_MANY
        outcome = _OUTCOMES.get(become)
        if outcome is not None:
            self._send_message(FileResult(message.id, outcome))
            return
        if known is not None and known.kept.size != message.size:
            raise RemoteProtocolError("The other side offered a file again, with another size.")
        if become is Become.WAIT:
            return
        entry = known or self._enter_offered(message, offered, is_voice=is_voice, taken=become is Become.TAKE)
        if become is Become.TAKE:
            entry.transfer = replace(entry.transfer, automatic=known is None and offered.kept is None)
            self._arriving.take(entry)
        elif entry.transfer.state is FileState.PAUSED:
            entry.wanted = False
            self._change(entry, FileEvent.OFFER)
        else:
            self._say(entry)

    def _standing(self, message: FileOffer, known: FileEntry | None, *, is_voice: bool) -> OfferedFile:
        """How it stands with a file that is offered."""
        other_side = self._other_side
        theirs = [entry for entry in self._entries.values() if not entry.transfer.ours and entry is not known]
        kept = other_side.arrived_before(message.id)
        return OfferedFile(
            size=message.size,
            again=message.again,
            state=known.transfer.state if known is not None else None,
            kept=kept,
            proven=other_side.proven,
            always=other_side.always or (is_voice and other_side.accepts_message(message, kept)),
            waiting=sum(entry.transfer.state is FileState.OFFERED for entry in theirs),
            running=len(theirs),
        )

    def _is_heard(self, become: Become) -> bool:
        """Whether the owner hears of one more file that is asked about or accepted. If not, it is refused."""
        if become not in (Become.ASK, Become.TAKE):
            return True
        what = Repeated.OFFER if become is Become.ASK else Repeated.FILE
        telling = self._repeats.begins(what, time.monotonic())
        if telling is Telling.LAST:
            self._tell(GoesOn(what))
        return telling is Telling.EACH

    def _enter_offered(self, message: FileOffer, offered: OfferedFile, *, is_voice: bool, taken: bool) -> FileEntry:
        """Enter a file that is offered for the first time in this call. `taken`: its owner isn't asked."""
        before = continued(offered)
        if before is None or before.done:
            before = KeptFile(
                peer=self._other_side.node,
                ours=False,
                digest=message.id,
                size=message.size,
                name=safe_name(message.name),
                proven=self._other_side.proven,
                to_contact=self._other_side.is_contact,
                voice=is_voice,
                automatic=taken,
                at=self._shelf.now(),
            )
        entry = self._enter(before, FileState.OFFERED)
        entry.aside = self._other_side.is_beside_a_proven_one(entry.kept)
        return entry

    def _accepted(self, entry: FileEntry, offset: int) -> None:
        if offset > entry.kept.size:
            raise RemoteProtocolError("The other side wants more of a file than there is.")
        if not self._other_side.is_for_them(entry.kept):
            self._withheld(entry)
            return
        self._leaving.begin(entry, offset)
        self._change(entry, FileEvent.ACCEPT, done=offset, resumed=offset)
        self._open_channel()

    def _refused(self, entry: FileEntry, result: str) -> None:
        match result:
            case FileOutcome.DONE:
                self._end(entry, FileEvent.FINISH, done=entry.kept.size)
            case FileOutcome.DECLINED:
                self._end(entry, FileEvent.DECLINE)
            case FileOutcome.CANCELLED:
                self._end(entry, FileEvent.CANCEL)
            case _:
                self._end(entry, FileEvent.FAIL, why=REFUSED.get(result, "Their program couldn't take it."))  # type: ignore[call-overload]

    def _frame(self, message: bytes) -> None:
        frame = decode(message)
        match frame:
            case Piece():
                self._arriving.put(self._entries.get((False, frame.id)), frame)
            case Taken():
                entry = self._entries.get((True, frame.id))
                if entry is not None and self._leaving.taken(entry, frame.offset):
                    entry.transfer = replace(entry.transfer, done=frame.offset)

    # What the tasks report.

    async def _taken(self, entry: FileEntry, offset: int) -> None:
        """A part file is open, with `offset` bytes in it. Raises StoreError."""
        if not entry.aside:
            await self._shelf.keep(entry.kept)
        if not entry.open:
            return
        if self._leg is None or self._stopped:
            self._change(entry, FileEvent.LOSE)  # they offer it again
            return
        self._send_message(FileAccept(entry.kept.digest, offset))
        self._change(entry, FileEvent.ACCEPT, done=offset, resumed=offset)
        self._open_channel()

    def _acknowledge(self, entry: FileEntry, offset: int) -> None:
        if not self._other_side.may_go_on(entry.kept):
            self.cancel(entry.transfer.number)
            return
        entry.transfer = replace(entry.transfer, done=offset)
        self._leaving.acknowledge(entry.kept.digest, offset)

    def _busy(self, entry: FileEntry) -> None:
        """Another call with them has the part file: they offer it again in the next one."""
        if entry.open:
            self._change(entry, FileEvent.LOSE)

    async def _received(self, entry: FileEntry, outcome: FileOutcome, why: str, path: Path | None) -> None:
        """A file has arrived, or can't be written."""
        if outcome is FileOutcome.DONE:
            await self._keep_arrived(entry)
        if not entry.open:
            return
        self._result(entry, outcome)
        if outcome is FileOutcome.DONE:
            self._end(entry, FileEvent.FINISH, done=entry.kept.size, path=path)
        else:
            self._end(entry, FileEvent.FAIL, why=why, by_us=True)

    async def _keep_arrived(self, entry: FileEntry) -> None:
        """A file has its name. Cut short by a kill or the call's end, that is noticed when it is offered again."""
        if entry.open:
            entry.kept = msgspec.structs.replace(entry.kept, done=True, at=self._shelf.now())
            try:
                if not entry.aside:
                    await self._shelf.keep(entry.kept)
            except StoreError as error:
                logger.warning("that a file has arrived can't be kept: %s", error.sentence)
        await in_thread_to_its_end(lambda: self._shelf.folder.published_is_kept(part_name(entry.kept)))

    def _withheld(self, entry: FileEntry) -> None:
        """Our file isn't for the other side any more: the call has lost its proof or its contact. Let the file wait."""
        self._send_message(FileCancel(entry.kept.digest))
        self._change(entry, FileEvent.LOSE, rate=None)

    def _unreadable(self, entry: FileEntry, error: CopybaraError) -> None:
        """Our own file can't be sent any more."""
        self._send_message(FileCancel(entry.kept.digest))
        self._end(entry, FileEvent.FAIL, why=error.sentence, by_us=True)

    # Tasks.

    async def _offer(self) -> None:
        """Offer one file after the other, no faster than the other side is sure to accept."""
        allowed = Bucket(OWN_OFFERS)
        while True:
            entry = await self._offers.get()
            while not allowed.takes(time.monotonic()):  # noqa: ASYNC110 -- time is what it waits for
                await asyncio.sleep(TICK_SECONDS)
            if self._speaks and entry.open and not self._stopped:
                kept = entry.kept
                if kept.voice and entry.transfer.state is FileState.PAUSED and not entry.transfer.done:
                    # Left when there was no call, so its owner hasn't read that it is offered.
                    self._change(entry, FileEvent.OFFER)
                self._send_message(FileOffer(kept.digest, kept.size, kept.name, entry.offered, kept.voice))
                entry.offered = True

    async def _read(self) -> None:
        while True:
            path, meant, failed = await self._reading.get()
            try:
                await self.ready()
                await self._describe_and_send(path, meant)
            except CopybaraError as error:
                failed(error)

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            await job()

    async def _forget(self) -> None:
        while self._over:
            await self._shelf.forget(self._over[0].kept, aside=self._over[0].aside)
            self._over.popleft()

    async def _tick(self) -> None:
        before: dict[int, int] = {}
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            after: dict[int, int] = {}
            for entry in tuple(self._entries.values()):
                transfer = entry.transfer
                if transfer.state is not FileState.RUNNING:
                    continue
                after[transfer.number] = transfer.done
                if (known := before.get(transfer.number)) is not None:
                    entry.transfer = replace(transfer, rate=max(0, transfer.done - known) / (now - last))
                    self._tell(FileChanged(entry.transfer, progress=True))
            before, last = after, now

    def _open_channel(self) -> None:
        leg = self._leg
        if leg is None or self._stopped or self._leaving.has_channel:
            return
        self._leaving.opens()

        async def open_it() -> None:
            try:
                channel = await leg.open_files(self._frame)
            except LegFailed:
                return
            if leg is self._leg and not self._stopped:
                self._leaving.connected(channel)

        self._jobs.put_nowait(open_it)

    # What all of them share.

    def _enter(self, kept: KeptFile, state: FileState) -> FileEntry:
        path = kept.path if kept.ours and not kept.spooled else None
        number = self._shelf.next_number()
        self._jobs.put_nowait(self._shelf.see_to_numbers)
        transfer = Transfer(number, kept.ours, kept.name, kept.size, state, path=path, voice=kept.voice)
        entry = self._entries[kept.ours, kept.digest] = FileEntry(kept, transfer)
        return entry

    def _change(self, entry: FileEntry, event: FileEvent, **values: object) -> None:
        entry.step(event, **values)
        self._say(entry)

    def _end(self, entry: FileEntry, event: FileEvent, **values: object) -> Transfer:
        """A transfer is over: let go of it, and report that."""
        if not entry.open:
            return entry.transfer
        entry.step(event, rate=None, **values)
        del self._entries[entry.transfer.ours, entry.kept.digest]
        if entry.transfer.ours:
            self._leaving.end(entry)
        else:
            self._arriving.end(entry, finished=event is FileEvent.FINISH)
        if entry.transfer.ours or event is not FileEvent.FINISH:
            self._over.append(entry)
            self._jobs.put_nowait(self._forget)
        self._say(entry)
        return entry.transfer

    def _say(self, entry: FileEntry) -> None:
        self._tell(FileChanged(entry.transfer))

    def _result(self, entry: FileEntry, outcome: FileOutcome) -> None:
        self._send_message(FileResult(entry.kept.digest, outcome))

    def _send_message(self, message: FileMessage) -> None:
        if self._leg is not None and self._speaks:
            self._leg.control.send(message)

    def _close(self) -> None:
        """The call is over: what isn't finished waits for the next one."""
        self._leg, self._speaks = None, False
        for entry in tuple(self._entries.values()):
            entry.close()
            if entry.aside:
                self._over.append(entry)  # nothing of it is kept, so no later call continues it
            state = entry.transfer.state
            if not entry.transfer.ours and state is FileState.OFFERED:
                entry.step(FileEvent.CANCEL)
            elif state is not FileState.PAUSED:
                entry.step(FileEvent.LOSE, rate=None)
            else:
                continue
            self._say(entry)
        self._entries.clear()


_OUTCOMES = {
    Become.TOO_LARGE: FileOutcome.TOO_LARGE,
    Become.TOO_MANY: FileOutcome.TOO_MANY,
    Become.ALREADY_DONE: FileOutcome.DONE,
}
"The results that the sender gets at once."


class _Ended(Exception):
    """Something outside has ended a task."""


async def _missed(part: Callable[[], Awaitable[None]], owner: asyncio.Task[None]) -> None:
    """Run what all transfers need. What ends it while its owner goes on is a fault, which a task group wouldn't see."""
    try:
        await part()
    except asyncio.CancelledError:
        if not owner.cancelling():
            raise _Ended from None
        raise
