"""The thread that writes: the event loop never waits for the disk, and no write that was begun is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shared.contacts import Contact
from shared.errors import DamagedStore, InputError, StoreError
from shared.files.records import KEPT_SECONDS as FILE_KEPT_SECONDS
from shared.files.records import KeptFile
from shared.links.kinds import LONGEST_LIFETIME, MAX_CLOCK_AHEAD
from shared.node_id import NodeId
from shared.store import Store, StoreThread
from shared.store.journal import KEPT_SECONDS, MISSED_KEPT, Journal
from shared.store.secrets import STRANGERS_SECRETS_KEPT
from shared.store.upkeep import tidy

LOCK_SECONDS = 4.0
"How long another process holds the database."

STALL_SECONDS = 1.0
"""A loop that waited for the lock would stand still for all of LOCK_SECONDS. A busy machine pauses it for less than
this."""


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def contact(name: str = "Anna", number: int = 1) -> Contact:
    return Contact(name=name, node=node(number), created=1_700_000_000)


@pytest.fixture
async def thread(store: Store) -> AsyncIterator[StoreThread]:
    async with StoreThread(store) as thread:
        yield thread


@contextlib.contextmanager
def foreign_lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Lock the database like another process that writes for a long time."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


def damage(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def saving(name: str, number: int) -> Callable[[Store], None]:
    return lambda store: store.save_contact(contact(name, number))


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


async def longest_stall(until: asyncio.Event) -> float:
    """The longest time in seconds in which the loop did nothing."""
    longest, last = 0.0, time.monotonic()
    while not until.is_set():
        await asyncio.sleep(0.01)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


async def test_what_was_awaited_is_read(thread: StoreThread, store: Store) -> None:
    await thread.write(lambda store: store.save_contact(contact()))
    assert store.contact_named("Anna") == contact()
    assert await thread.write(lambda store: store.use_link(b"link", ours=False, expires=1))
    assert not await thread.write(lambda store: store.use_link(b"link", ours=False, expires=1))


async def test_a_foreign_write_lock_of_seconds_does_not_stall_the_event_loop(
    thread: StoreThread, store: Store, path: Path
) -> None:
    over = asyncio.Event()
    with foreign_lock(path) as other:
        stall = asyncio.create_task(longest_stall(over))
        writing = asyncio.create_task(thread.write(lambda store: store.save_contact(contact()), patience=60))
        end = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < end:
            assert store.contacts() == []
            store.revision()
            await asyncio.sleep(0.02)
        assert not writing.done()
        other.execute("ROLLBACK")
        await writing
    over.set()
    assert await stall < STALL_SECONDS
    assert store.contacts() == [contact()]


async def test_writes_are_done_in_the_order_in_which_they_were_asked_for(thread: StoreThread, store: Store) -> None:
    done: list[tuple[str, int]] = []

    def noting(number: int) -> Callable[[Store], None]:
        return lambda _: done.append((threading.current_thread().name, number))

    await asyncio.gather(*(thread.write(noting(number)) for number in range(200)))
    assert done == [("store", number) for number in range(200)]


async def test_one_write_is_one_transaction(thread: StoreThread, store: Store) -> None:
    def half(store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        store.propose_secret(node(1), bytes(32), 0)
        store.save_contact(contact("Bob", 1))

    with pytest.raises(InputError, match="already in the contacts, as Anna"):
        await thread.write(half)
    assert store.contacts() == []
    assert store.readable_secrets() == []


async def test_a_part_that_fails_can_be_undone_alone(thread: StoreThread, store: Store) -> None:
    def keep_what_works(store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        with contextlib.suppress(InputError):
            store.save_contact(contact("Bob", 1))
        store.save_contact(contact("Carol", 2))

    await thread.write(keep_what_works)
    assert [each.name for each in store.contacts()] == ["Anna", "Carol"]


async def test_a_caller_that_is_cancelled_still_gets_its_write_done_in_its_place(
    thread: StoreThread, store: Store, path: Path
) -> None:
    with foreign_lock(path):
        first = asyncio.create_task(thread.write(lambda store: store.save_contact(contact("Anna", 1))))
        second = asyncio.create_task(thread.write(lambda store: store.save_contact(contact("Anna", 2))))
        third = asyncio.create_task(thread.write(lambda store: store.rename_contact("Anna", "Bella")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
    await first
    assert await third == contact("Bella", 2)
    assert store.contacts() == [contact("Bella", 2)]


async def test_closing_does_what_was_begun(store: Store, path: Path) -> None:
    async with StoreThread(store) as thread:
        with foreign_lock(path):
            writes = [asyncio.create_task(thread.write(saving(f"C{n}", n))) for n in range(20)]
            await asyncio.sleep(0)
            for write in writes:
                write.cancel()
    assert len(store.contacts()) == 20
    with pytest.raises(StoreError, match="closed"):
        await thread.write(lambda store: store.save_contact(contact("Late", 99)))


async def test_closing_that_is_cancelled_does_what_was_begun_as_well(store: Store, path: Path) -> None:
    inside = asyncio.Event()

    async def program() -> None:
        async with StoreThread(store) as thread:
            write = asyncio.create_task(thread.write(lambda store: store.save_contact(contact())))
            await asyncio.sleep(0)
            inside.set()
            write.cancel()

    with foreign_lock(path):
        running = asyncio.create_task(program())
        await inside.wait()
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        assert not running.done()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert store.contacts() == [contact()]


async def test_a_lock_that_is_held_for_too_long_is_an_error_and_the_next_write_works(store: Store, path: Path) -> None:
    async with StoreThread(store, busy_seconds=0.05) as thread:
        with foreign_lock(path), pytest.raises(StoreError, match="another process has been writing") as raised:
            await thread.write(lambda store: store.save_contact(contact()))
        assert raised.value.hint.startswith("Close what has it open")
        await thread.write(lambda store: store.save_contact(contact()))
    assert store.contacts() == [contact()]


async def test_who_waits_for_another_process_hears_of_it_after_their_patience_and_what_they_wanted_is_never_done(
    store: Store, path: Path
) -> None:
    async with StoreThread(store, busy_seconds=600) as thread:
        with foreign_lock(path):
            patient = asyncio.create_task(thread.write(saving("Anna", 1), patience=600))
            await asyncio.sleep(0)
            for number in (2, 3):
                with pytest.raises(StoreError, match="another process has been writing"):
                    await thread.write(saving("Carol", number), patience=0.05)
            assert not patient.done()
        await patient
        await thread.write(saving("Dora", 4))
    assert [each.name for each in store.contacts()] == ["Anna", "Dora"]


@contextlib.asynccontextmanager
async def slow_write(thread: StoreThread) -> AsyncIterator[threading.Event]:
    """A write of our own that has the database, and lasts until the event is set or the block ends."""
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work(_: Store) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait()

    slow = asyncio.create_task(thread.write(work, patience=600))
    try:
        await begun.wait()
        yield may_end
    finally:
        may_end.set()
        await slow


async def test_who_waits_behind_a_slow_write_of_our_own_waits_until_it_is_done(store: Store) -> None:
    async with StoreThread(store) as thread, slow_write(thread) as may_end:
        behind = asyncio.create_task(thread.write(saving("Anna", 1), patience=0.01))
        done, _ = await asyncio.wait([behind], timeout=0.2)
        assert not done
        may_end.set()
        await behind
    assert store.contacts() == [contact("Anna", 1)]


async def test_a_disk_that_hangs_has_a_sentence_of_its_own(store: Store) -> None:
    async with StoreThread(store, slow_seconds=1.0) as thread, slow_write(thread):
        with pytest.raises(StoreError, match="the disk takes too long"):
            await thread.write(saving("Anna", 1), patience=0.01)
    assert store.contacts() == []


async def test_a_full_disk_is_an_error_of_that_write_alone(thread: StoreThread, store: Store) -> None:
    await thread.write(lambda store: store.rows(f"PRAGMA max_page_count = {store.rows('PRAGMA page_count')[0][0]}"))

    def too_much(store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        for number in range(2, 2000):
            store.save_contact(contact(f"C{number}", number))

    with pytest.raises(StoreError, match="the disk is full"):
        await thread.write(too_much)
    assert store.contacts() == []
    await thread.write(lambda store: store.rows("PRAGMA max_page_count = 1000000"))
    await thread.write(lambda store: store.save_contact(contact()))
    assert store.contacts() == [contact()]


async def test_damage_is_an_error_of_every_write_and_of_nothing_else(path: Path) -> None:
    with Store(path) as store:
        for number in range(200):
            store.save_contact(contact(f"C{number}", number))
    with Store(path) as store:
        async with StoreThread(store) as thread:
            damage(path)
            for _ in range(2):
                with pytest.raises(DamagedStore):
                    await thread.write(lambda store: store.save_contact(contact("New", 5000)))


async def test_an_error_of_the_function_is_raised_to_its_caller(thread: StoreThread, store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.write(lambda _: 1 / 0)
    await thread.write(lambda store: store.save_contact(contact()))
    assert store.contacts() == [contact()]


async def test_a_database_that_cannot_be_opened_is_an_error_of_the_start(path: Path, tmp_path: Path) -> None:
    with Store(path) as store:
        store.path = tmp_path / "file" / "copybara.db"
        (tmp_path / "file").touch()
        with pytest.raises(StoreError):
            async with StoreThread(store):
                pass


async def test_the_revision_of_the_reader_changes_with_every_write_of_the_thread(
    thread: StoreThread, store: Store
) -> None:
    revisions = [store.revision()]
    for number in range(3):
        await thread.write(saving(f"C{number}", number))
        revisions.append(store.revision())
    assert len(set(revisions)) == 4
    assert store.revision() == revisions[-1]


async def test_reading_goes_on_while_another_process_writes_and_empties_the_log(
    thread: StoreThread, store: Store, path: Path
) -> None:
    stop = threading.Event()

    def write_and_checkpoint() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
            number = 0
            while not stop.is_set():
                number += 1
                other.execute("INSERT OR REPLACE INTO home_facts VALUES ('count', ?)", (b"%d" % number,))
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                # Otherwise it has the lock nearly always, and SQLite has no queue.
                stop.wait(0.005)

    other = threading.Thread(target=write_and_checkpoint)
    other.start()
    try:
        seen = [0]
        while seen[-1] < 50:
            seen.append(int(store.home_fact("count") or 0))
            store.revision()
            await thread.write(lambda store: store.set_home_fact("mine", b"1"), patience=60)
    finally:
        stop.set()
        other.join()
    assert seen == sorted(seen)


async def test_a_secret_that_was_replaced_leaves_the_disk_once_no_one_reads_the_old_state(
    thread: StoreThread, store: Store, path: Path
) -> None:
    old, new = os.urandom(32), os.urandom(32)

    def on_the_disk(secret: bytes) -> bool:
        return any(secret in file.read_bytes() for file in path.parent.iterdir())

    await thread.write(lambda store: store.propose_secret(node(1), old, 0))
    await thread.write(lambda store: store.propose_secret(node(1), new, 0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM pair_secrets").fetchone() == (2,)
        await thread.write(lambda store: store.note_secret_used(node(1), new))
        # Nobody waits for that reader, and other writes continue meanwhile.
        await thread.write(lambda store: store.save_contact(contact()))
        assert on_the_disk(old)
        reader.execute("ROLLBACK")
    await asyncio.to_thread(wait_until, lambda: not on_the_disk(old))
    assert store.readable_secrets() == [(node(1), new)]


async def test_the_journal_is_written_there_too(thread: StoreThread, store: Store) -> None:
    await thread.write(lambda store: Journal(store, "telegram").store([(7, b"entry")], 0))
    assert [each.value for each in Journal(store, "telegram").waiting()] == [b"entry"]


async def test_what_nothing_needs_any_more_is_forgotten_while_the_program_runs(store: Store) -> None:
    now = 1_700_000_000
    journal = Journal(store, "telegram")
    journal.store([(1, b"old"), (2, b"waiting")], now - KEPT_SECONDS - 1)
    journal.store([(3, b"new")], now)
    journal.done([1, 3], missed=[b"%d" % number for number in range(MISSED_KEPT + 50)])
    store.use_link(b"old", ours=False, expires=now - LONGEST_LIFETIME - MAX_CLOCK_AHEAD - 1)
    store.use_link(b"new", ours=False, expires=now - LONGEST_LIFETIME)
    for age in (0, 1):
        at = now - FILE_KEPT_SECONDS - age
        store.keep_file(KeptFile(peer=node(1), ours=True, digest=bytes([age]) * 32, size=1, name="a", at=at))
    async with StoreThread(store, upkeep_seconds=0.1, clock=lambda: now):
        await asyncio.to_thread(wait_until, lambda: tidied(store.path))
        assert store.link_seen(b"old") is None
        assert store.link_seen(b"new") == "used"
        assert [kept.id for kept in journal.waiting()] == [2]
        assert [kept.at for kept in store.kept_files()] == [now - FILE_KEPT_SECONDS]
        assert store.rows("SELECT id FROM inbox ORDER BY id") == [(2,), (3,)]
        missed = journal.missed()
        assert len(missed) == MISSED_KEPT
        assert missed[-1].value == b"%d" % (MISSED_KEPT + 49)
        store.use_link(b"later", ours=False, expires=0)
        await asyncio.to_thread(wait_until, lambda: tidied(store.path))  # and again


async def test_a_clock_that_is_far_ahead_for_a_moment_has_nothing_forgotten(store: Store) -> None:
    now, looks = 1_700_000_000, 0
    store.use_link(b"used", ours=False, expires=now + 600)
    Journal(store, "telegram").store([(1, b"entry")], now)
    Journal(store, "telegram").done([1])

    def clock() -> float:
        nonlocal looks
        looks += 1
        return now + 30 * 86_400 * (looks == 3)

    async with StoreThread(store, upkeep_seconds=0.05, clock=clock):
        await asyncio.to_thread(wait_until, lambda: looks > 5)
    assert store.link_seen(b"used") == "used"
    assert store.rows("SELECT id FROM inbox") == [(1,)]


async def test_of_the_keys_of_people_who_are_no_contacts_only_the_newest_are_kept(store: Store) -> None:
    anna = contact(number=STRANGERS_SECRETS_KEPT + 10)
    with store.transaction():
        store.save_contact(anna)
        store.propose_secret(anna.node, bytes(32), 0)
        for number in range(STRANGERS_SECRETS_KEPT + 3):
            store.propose_secret(node(number), number.to_bytes(32, "big"), 0)
    tidy(store, 0)
    kept = store.readable_secrets()
    assert len(kept) == STRANGERS_SECRETS_KEPT + 1
    assert kept[-1] == (anna.node, bytes(32))
    assert kept[-2][0] == node(3)


def tidied(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as other:
        count: tuple[int] = other.execute("SELECT count(*) FROM links").fetchone()
        return count == (1,)


def test_a_used_link_is_kept_for_as_long_as_any_lifetime_that_can_be_set(store: Store) -> None:
    """A longer `lifetime` after a restart must not bring back a link that was used under a shorter one."""
    created, lifetime = 1_700_000_000, 600
    store.use_link(b"link", ours=False, expires=created + lifetime)
    for later in (lifetime + 1, 3600, LONGEST_LIFETIME):
        tidy(store, created + later)
        assert store.link_seen(b"link") == "used"
