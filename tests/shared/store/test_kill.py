"""kill -9 at any moment: what the store has reported as done is done, and nothing is done by half."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from shared.call.records import CallRecord, RunningCall
from shared.contacts import Contact
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store

PROCESSES = multiprocessing.get_context("forkserver")
"Forks writers from a server process that has imported this module and does nothing else."
PROCESSES.set_forkserver_preload([__name__])

KILLS_WHILE_WRITING = 25
KILLS_WHILE_OPENING = 15

STEADY = NodeId(b"steady".ljust(32))
"A contact that is paired again in every round."
WALKER = NodeId(b"walker".ljust(32))
"A contact that is renamed in every round."


def guest(number: int) -> NodeId:
    """The contact that is saved, paired and removed again in this round."""
    return NodeId(b"guest".ljust(24) + number.to_bytes(8, "big"))


def secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


def number_of(secret: bytes) -> int:
    return int.from_bytes(secret, "big")


def write_for_ever(path: Path, first: int, said: Connection) -> None:
    """The child's work: rounds of writes.

    After each write the child sends a word for it and the number of the round.
    """

    def done(what: str) -> None:
        said.send((what, number))

    number = first
    done("opening")
    store = Store(path)
    while True:
        number += 1
        contact = Contact(name=f"Contact-{number % 50}", node=NodeId(secret(number % 50)), created=number)
        store.save_contact(contact)
        done("contact")
        store.propose_secret(STEADY, secret(number), number)
        done("proposed")
        store.commit_secret(STEADY, secret(number))
        done("committed")
        store.note_secret_used(STEADY, secret(number))
        done("used-secret")
        store.use_link(secret(number), ours=False, expires=number)
        done("link")
        store.save_contact(Contact(name=f"Guest-{number}", node=guest(number), created=number))
        store.propose_secret(guest(number), secret(number), number)
        store.remove_contact(f"Guest-{number}")
        done("removed")
        walker = store.contact_of(WALKER) or Contact(name="Walker", node=WALKER, created=0)
        store.save_contact(msgspec.structs.replace(walker, created=number))
        store.rename_contact(walker.name, f"Walker-{number}")
        done("renamed")
        store.save_call(
            RunningCall(
                reference=bytes(8),
                peer=STEADY,
                role="caller",
                media=Media.BOTH,
                started=0,
                secret=secret(number),
                epoch=number,
            )
        )
        done("call")
        store.end_call(
            CallRecord(
                reference=bytes(8),
                peer=STEADY,
                role="caller",
                media=Media.BOTH,
                started=number,
                connected=number,
                ended=number,
                reason="hung-up",
            )
        )
        done("ended")


def spin(seconds: float) -> None:
    """Let the child reach a random place inside a transaction."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def killed(path: Path, first: int, words: int, delay: float) -> dict[str, int]:
    """Kill a child some time after it has sent this many words. Returns its last number for each word."""
    heard, said = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=write_for_ever, args=(path, first, said))
    child.start()
    said.close()
    with heard:
        try:
            done = dict(heard.recv() for _ in range(words))
            spin(delay)
        finally:
            child.kill()
            child.join()
        with contextlib.suppress(EOFError):
            while True:
                done.update([heard.recv()])
    assert child.exitcode == -signal.SIGKILL
    return done


def check(path: Path, done: dict[str, int], used: set[int]) -> int:
    """Open the store of a killed child and compare it with the child's words. Returns its last round.

    `used` are the links that all earlier children reported as used. Those of this child are added.
    """
    with Store(path) as store:
        assert store.rows("PRAGMA integrity_check") == [("ok",)]
        newest = max(done.values())

        # Every contact is whole, and both its keys lead to it.
        contacts = store.contacts()
        for contact in contacts:
            assert store.contact_named(contact.name) == contact
            assert store.contact_of(contact.node) == contact
        assert len({contact.node for contact in contacts}) == len(contacts)
        if "contact" in done:
            number = done["contact"]
            saved = store.contact_named(f"Contact-{number % 50}")
            assert saved is not None
            assert saved.created == number

        # A secret that was reported as stored is there. One that was reported as erased isn't.
        mine = [number_of(each) for node, each in store.readable_secrets() if node == STEADY]
        assert mine == sorted(mine, reverse=True)
        assert not mine or mine[0] - done.get("proposed", mine[0]) in (0, 1)
        if "proposed" in done:
            assert mine[0] >= done["proposed"]
        if "committed" in done:
            written_with = store.writable_secret(STEADY)
            assert written_with is not None
            assert number_of(written_with) >= done["committed"]
        if "used-secret" in done:
            assert mine[-1] >= done["used-secret"]

        # A link that was reported as used can't be used again.
        used |= set(range(done["opening"] + 1, done.get("link", 0) + 1))
        for number in used:
            assert store.link_seen(secret(number)) == "used", number
            assert not store.use_link(secret(number), ours=False, expires=0)

        # A removed contact leaves no secret behind: both are deleted together.
        paired = {node for node, _ in store.readable_secrets()} - {STEADY}
        assert paired <= {contact.node for contact in contacts}
        if "removed" in done:
            assert store.contact_of(guest(done["removed"])) is None

        # A renamed contact exists once, with the old name or the new one.
        walkers = [contact for contact in contacts if contact.node == WALKER]
        assert len(walkers) <= 1
        if "renamed" in done:
            assert int(walkers[0].name.split("-")[1]) >= done["renamed"]

        calls = store.running_calls()
        assert len(calls) <= 1
        # A call is active or in the log, never neither and never both.
        logged = max((record.started for record in store.call_log(1)), default=0)
        if calls:
            assert calls[0].epoch > logged
            assert calls[0].secret == secret(calls[0].epoch)
        if "call" in done:
            assert max([logged, *(call.epoch for call in calls)]) >= done["call"]
        if "ended" in done:
            assert logged >= done["ended"]

        # Remove guests, so that unreported work of this child isn't taken for work of the next one.
        for contact in contacts:
            if contact.name.startswith("Guest"):
                store.remove_contact(contact.name)
    assert [file.name for file in path.parent.iterdir() if "damaged" in file.name] == []
    return newest


@pytest.mark.timeout(600)
def test_a_writer_killed_at_random_moments_leaves_a_whole_store(tmp_path: Path) -> None:
    chance = random.Random(20251124)
    path = tmp_path / "home" / "copybara.db"
    used: set[int] = set()
    last, said = 0, 0
    for _ in range(KILLS_WHILE_WRITING):
        done = killed(path, last, words=chance.randint(1, 40), delay=chance.uniform(0, 0.01))
        last = check(path, done, used)
        said += len(done)
    assert last > KILLS_WHILE_WRITING / 2, "the children were killed before they had written anything"
    assert said > KILLS_WHILE_WRITING * 2


@pytest.mark.parametrize("kill", range(KILLS_WHILE_OPENING))
def test_a_process_killed_while_it_makes_the_store_leaves_none_or_a_whole_one(tmp_path: Path, kill: int) -> None:
    path = tmp_path / "home" / "copybara.db"
    check(path, killed(path, 0, words=1, delay=0.02 * kill / KILLS_WHILE_OPENING), set())
