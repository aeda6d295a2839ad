"""The store: every method, several at a time, and files that are damaged, foreign, newer or not writable."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.call.records import CallRecord, RunningCall
from shared.contacts import Contact, Hours, Trust, name_key
from shared.errors import DamagedStore, InputError, LocalProtocolError, NameNotFound, StoreError
from shared.media import Media
from shared.names import NamedNode
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store import Store
from shared.store.calls import CALLS_LOGGED
from shared.store.journal import Journal
from shared.store.schema import APPLICATION_ID, STEPS, Step, migrate, version
from shared.store.secrets import SECRETS_KEPT
from tests.child import run_child
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

MOMENT = datetime(2025, 11, 24, 8, 7, 12, tzinfo=UTC)
ASIDE = "copybara.db.damaged-20251124T080712Z"


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def secret(number: int) -> bytes:
    return number.to_bytes(32, "little")


def contact(name: str = "Anna", number: int = 1) -> Contact:
    return Contact(name=name, node=node(number), created=1_700_000_000)


def running(number: int = 1, **changes: Any) -> RunningCall:
    fields: dict[str, Any] = {
        "reference": number.to_bytes(8, "big"),
        "peer": node(1),
        "role": "caller",
        "media": Media.BOTH,
        "started": 1_700_000_000 + number,
        "secret": secret(number),
    }
    return RunningCall(**(fields | changes))


def record(number: int = 1) -> CallRecord:
    return CallRecord(
        reference=number.to_bytes(8, "big"),
        peer=node(1),
        role="callee",
        media=Media.AUDIO,
        started=number,
        connected=None,
        ended=number + 5,
        reason="no-answer",
    )


@pytest.fixture
def other(store: Store, path: Path) -> Iterator[Store]:
    """A second connection to the same file, like that of another process."""
    with Store(path) as other:
        yield other


def everything_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


class TestContacts:
    def test_a_new_store_has_none(self, store: Store) -> None:
        assert store.contacts() == []
        assert store.contact_named("Anna") is None
        assert store.contact_of(node(1)) is None

    def test_a_saved_contact_is_found_by_name_in_any_case_and_by_node(self, store: Store) -> None:
        store.save_contact(contact("Anna"))
        assert store.contact_named("Anna") == contact("Anna")
        assert store.contact_named("ANNA") == contact("Anna")
        assert store.contact_of(node(1)) == contact("Anna")

    def test_every_field_comes_back_as_it_was(self, store: Store) -> None:
        full = msgspec.structs.replace(
            contact("Jürgen"),
            trust=Trust.AUTO,
            media=Media.AUDIO,
            hours=Hours.parse("22:00-06:00"),
            endpoint="echo",
            resolves_as=("juergen.azero", "j.tzero"),
            sealing_key=bytes(range(32)),
            telegram_user=2**40,
            telegram_bot="juergen_bot",
        )
        store.save_contact(full)
        assert store.contact_named("JÜRGEN") == full

    def test_spellings_of_one_name_in_unicode_are_one_name(self, store: Store) -> None:
        store.save_contact(contact("Jürgen"))
        assert store.contact_named("Ju\N{COMBINING DIAERESIS}rgen") == contact("Jürgen")

    def test_saving_again_under_another_case_replaces_the_contact(self, store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        store.save_contact(contact("ANNA", 2))
        assert store.contacts() == [contact("ANNA", 2)]
        assert store.contact_of(node(1)) is None

    @pytest.mark.parametrize("name", ["Ann Lee", "Ann-Lee"])
    def test_a_name_is_found_with_spaces_or_dashes(self, store: Store, name: str) -> None:
        store.save_contact(contact(name))
        for said in ("Ann Lee", "ann-lee", " ANN\u00a0 lee "):
            assert store.contact_named(said) == contact(name)
        assert store.contact_named("AnnLee") is None

    def test_who_was_saved_with_a_dash_can_be_renamed_to_a_space(self, store: Store) -> None:
        store.save_contact(contact("Ann-Lee"))
        assert store.rename_contact("ann lee", "Ann  Lee") == contact("Ann Lee")
        assert store.contacts() == [contact("Ann Lee")]

    def test_two_names_that_only_blanks_dashes_or_underscores_tell_apart_are_refused(self, store: Store) -> None:
        store.save_contact(contact("Ann Lee", 1))
        store.save_contact(contact("Bob", 2))
        for name in ("Ann-Lee", "ANN LEE", "Ann_Lee"):
            with pytest.raises(InputError):
                store.rename_contact("Bob", name)
        with pytest.raises(InputError, match="could be taken for Ann Lee"):
            store.save_contact(contact("ann_lee", 3))

    def test_a_pair_of_an_earlier_version_stays_two(self, store: Store, path: Path) -> None:
        store.save_contact(contact("Ann-Lee", 1))
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            other = contact("Ann_Lee", 2)
            database.execute(
                "INSERT INTO contacts VALUES (?, ?, ?)", (b"ann_lee", other.node.key, msgspec.json.encode(other))
            )
        assert store.contact_named("Ann Lee") == contact("Ann-Lee", 1)
        assert store.contact_named("ann_lee") == contact("Ann_Lee", 2)
        store.save_contact(msgspec.structs.replace(contact("Ann_Lee", 2), trust=Trust.BLOCK))
        assert store.contact_of(node(1)) == contact("Ann-Lee", 1)

    def test_contacts_are_listed_by_name(self, store: Store) -> None:
        for number, name in enumerate(["carol", "Bob", "anna"]):
            store.save_contact(contact(name, number))
        assert [each.name for each in store.contacts()] == ["anna", "Bob", "carol"]

    def test_a_node_under_a_second_name_is_refused(self, store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        with pytest.raises(InputError, match="already in the contacts, as Anna"):
            store.save_contact(contact("Bob", 1))
        store.save_contact(contact("Bob", 2))
        with pytest.raises(InputError, match="already in the contacts, as Anna"):
            store.save_contact(contact("Bob", 1))
        assert store.contacts() == [contact("Anna", 1), contact("Bob", 2)]

    def test_a_renamed_contact_keeps_all_but_its_name(self, store: Store) -> None:
        store.save_contact(contact("Anna"))
        assert store.rename_contact("anna", "Bella") == contact("Bella")
        assert store.contacts() == [contact("Bella")]
        assert store.contact_named("Anna") is None

    def test_a_contact_can_be_renamed_to_another_case(self, store: Store) -> None:
        store.save_contact(contact("anna"))
        store.rename_contact("anna", "Anna")
        assert store.contacts() == [contact("Anna")]

    def test_a_name_that_is_taken_cannot_be_given(self, store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        store.save_contact(contact("Bob", 2))
        with pytest.raises(InputError, match="already a contact called Bob"):
            store.rename_contact("Anna", "BOB")
        assert store.contacts() == [contact("Anna", 1), contact("Bob", 2)]

    def test_a_name_that_no_contact_may_have_cannot_be_given(self, store: Store) -> None:
        store.save_contact(contact("Anna"))
        with pytest.raises(InputError):
            store.rename_contact("Anna", "a\x1bb")
        assert store.contacts() == [contact("Anna")]

    def test_nobody_can_be_renamed_or_removed_who_is_not_there(self, store: Store) -> None:
        with pytest.raises(NameNotFound, match="no contact called Anna"):
            store.rename_contact("Anna", "Bella")
        with pytest.raises(NameNotFound, match="no contact called Anna"):
            store.remove_contact("Anna")

    def test_a_removed_contact_is_gone_with_its_secrets(self, store: Store) -> None:
        store.save_contact(contact("Anna", 1))
        store.propose_secret(node(1), secret(1), 0)
        store.propose_secret(node(2), secret(2), 0)
        assert store.remove_contact("ANNA") == contact("Anna", 1)
        assert store.contacts() == []
        assert store.readable_secrets() == [(node(2), secret(2))]

    def test_a_name_with_half_a_character_is_just_not_known(self, store: Store) -> None:
        assert store.contact_named("\ud800") is None
        assert store.kept_name("\ud800") is None
        with pytest.raises(NameNotFound):
            store.remove_contact("\ud800")

    def test_a_contact_with_half_a_character_is_refused(self, store: Store) -> None:
        with pytest.raises(InputError):
            store.save_contact(msgspec.structs.replace(contact(), resolves_as=("\ud800",)))
        assert store.contacts() == []


class TestPairSecrets:
    def test_a_proposed_secret_can_be_read_with_but_not_written(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        assert store.readable_secrets() == [(node(1), secret(1))]
        assert store.writable_secret(node(1)) is None

    def test_a_committed_secret_can_be_written_with(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        assert store.commit_secret(node(1), secret(1))
        assert store.writable_secret(node(1)) == secret(1)
        assert store.writable_secret(node(2)) is None

    def test_a_secret_that_was_never_proposed_cannot_be_committed(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        assert not store.commit_secret(node(2), secret(1))
        assert not store.commit_secret(node(1), secret(2))
        assert store.writable_secret(node(1)) is None

    def test_the_previous_secret_stays_until_the_new_one_was_used(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        store.commit_secret(node(1), secret(1))
        store.propose_secret(node(1), secret(2), 0)
        assert store.writable_secret(node(1)) == secret(1)
        store.commit_secret(node(1), secret(2))
        assert store.writable_secret(node(1)) == secret(2)
        assert store.readable_secrets() == [(node(1), secret(2)), (node(1), secret(1))]
        store.note_secret_used(node(1), secret(2))
        assert store.readable_secrets() == [(node(1), secret(2))]

    def test_the_use_of_an_older_secret_leaves_the_newer_ones(self, store: Store) -> None:
        for number in (1, 2, 3):
            store.propose_secret(node(1), secret(number), 0)
        store.note_secret_used(node(1), secret(2))
        assert store.readable_secrets() == [(node(1), secret(3)), (node(1), secret(2))]

    def test_a_secret_that_was_used_is_committed_even_if_its_confirmation_got_lost(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        store.note_secret_used(node(1), secret(1))
        assert store.writable_secret(node(1)) == secret(1)

    def test_the_use_of_an_unknown_secret_changes_nothing(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        store.note_secret_used(node(1), secret(9))
        assert store.readable_secrets() == [(node(1), secret(1))]

    def test_proposing_twice_is_the_same_as_once(self, store: Store) -> None:
        store.propose_secret(node(1), secret(1), 0)
        store.commit_secret(node(1), secret(1))
        store.propose_secret(node(1), secret(1), 5)
        assert store.readable_secrets() == [(node(1), secret(1))]
        assert store.writable_secret(node(1)) == secret(1)

    def test_proposals_that_lead_nowhere_are_bounded_and_never_cost_the_committed_one(self, store: Store) -> None:
        store.propose_secret(node(1), secret(0), 0)
        store.commit_secret(node(1), secret(0))
        for number in range(1, SECRETS_KEPT + 10):
            store.propose_secret(node(1), secret(number), number)
        store.propose_secret(node(2), secret(1), 0)
        kept = [each for owner, each in store.readable_secrets() if owner == node(1)]
        assert kept == [*(secret(number) for number in range(SECRETS_KEPT + 9, 9, -1)), secret(0)]
        assert store.writable_secret(node(1)) == secret(0)

    @pytest.mark.parametrize("length", [0, 31, 33])
    def test_a_secret_of_another_length_is_refused(self, store: Store, length: int) -> None:
        with pytest.raises(LocalProtocolError):
            store.propose_secret(node(1), bytes(length), 0)
        assert store.readable_secrets() == []

    def test_an_erased_secret_is_nowhere_on_the_disk(self, store: Store, path: Path) -> None:
        old, new, removed = os.urandom(32), os.urandom(32), os.urandom(32)
        store.propose_secret(node(1), old, 0)
        store.propose_secret(node(1), new, 0)
        assert any(old in content for content in everything_in(path.parent).values())
        store.note_secret_used(node(1), new)
        store.save_contact(contact("Bob", 2))
        store.propose_secret(node(2), removed, 0)
        store.remove_contact("Bob")
        store.save_call(running(secret=old))
        store.end_call(record(1))
        content = b"".join(everything_in(path.parent).values())
        assert new in content
        assert old not in content
        assert removed not in content


class TestLinks:
    def test_a_link_can_be_used_once(self, store: Store) -> None:
        assert store.link_seen(b"link") is None
        assert store.use_link(b"link", ours=False, expires=100)
        assert not store.use_link(b"link", ours=False, expires=100)
        assert store.link_seen(b"link") == "used"

    def test_a_link_of_ours_stays_ours(self, store: Store) -> None:
        assert store.use_link(b"link", ours=True, expires=100)
        assert not store.use_link(b"link", ours=False, expires=100)
        assert store.link_seen(b"link") == "ours"

    def test_expired_links_are_forgotten(self, store: Store) -> None:
        store.use_link(b"old", ours=False, expires=99)
        store.use_link(b"new", ours=False, expires=100)
        assert store.forget_links(100) == 1
        assert store.link_seen(b"old") is None
        assert store.link_seen(b"new") == "used"

    def test_the_link_itself_is_not_kept(self, store: Store, path: Path) -> None:
        link = os.urandom(48)
        store.use_link(link, ours=False, expires=100)
        assert not any(link in content for content in everything_in(path.parent).values())

    def test_of_two_connections_only_one_uses_a_link(self, store: Store, other: Store) -> None:
        assert store.use_link(b"link", ours=False, expires=100)
        assert other.link_seen(b"link") == "used"
        assert not other.use_link(b"link", ours=False, expires=100)

    def test_of_two_processes_that_use_the_same_links_each_gets_others(self, store: Store, path: Path) -> None:
        child = (
            "import sys\nfrom pathlib import Path\nfrom shared.store import Store\n"
            "with Store(Path(sys.argv[1])) as store:\n"
            "    print('ready', flush=True)\n"
            "    sys.stdin.readline()\n"
            "    print(*(n for n in range(200) if store.use_link(b'%d' % n, ours=False, expires=100)))\n"
        )
        with run_child(child, path) as first, run_child(child, path) as second:
            for process in (first, second):
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            won = [process.communicate()[0].split() for process in (first, second)]
        assert sorted(map(int, won[0] + won[1])) == list(range(200))


class TestCalls:
    def test_a_running_call_comes_back_after_a_restart(self, store: Store, other: Store) -> None:
        call = running(name="Anna", endpoint="pattern", paired=True, automatic=True)
        store.save_call(call)
        assert other.running_calls() == [call]

    def test_what_changes_in_a_running_call_is_kept(self, store: Store) -> None:
        store.save_call(running())
        store.save_call(running(epoch=3))
        assert store.running_calls() == [running(epoch=3)]

    def test_a_running_call_that_cannot_be_read_is_forgotten_and_no_other(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.save_call(running(1))
        store.save_call(running(2))
        with store.transaction() as database:
            database.execute("UPDATE running_calls SET value = x'ff' WHERE reference = ?", (running(1).reference,))
        assert store.running_calls() == [running(2)]
        assert store.running_calls() == [running(2)]
        assert len(caplog.records) == 1

    def test_running_calls_are_listed_by_their_start_until_they_end(self, store: Store) -> None:
        for number in (3, 1, 2):
            store.save_call(running(number))
        assert store.running_calls() == [running(1), running(2), running(3)]
        ended = record(2)
        store.end_call(ended)
        assert store.running_calls() == [running(1), running(3)]
        assert store.call_log(10) == [ended]

    def test_the_secret_of_a_call_is_not_shown(self) -> None:
        assert "secret" not in repr(running())

    @pytest.mark.parametrize("changes", [{"reference": b"short"}, {"secret": b"short"}])
    def test_a_running_call_without_its_secret_or_reference_is_none(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="a running call has"):
            running(**changes)

    def test_the_log_has_the_newest_call_first(self, store: Store) -> None:
        for number in (1, 2, 3):
            store.end_call(record(number))
        assert store.call_log(2) == [record(3), record(2)]
        assert store.call_log(10) == [record(3), record(2), record(1)]
        assert store.call_log(0) == store.call_log(-1) == []

    def test_the_log_is_bounded(self, store: Store, path: Path) -> None:
        store.end_call(record(1))
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'call_log'", (CALLS_LOGGED - 1,))
        store.end_call(record(2))
        assert store.call_log(10) == [record(2), record(1)]
        store.end_call(record(3))
        assert store.call_log(10) == [record(3), record(2)]


class TestNames:
    def test_a_kept_name_is_found_in_upper_and_lower_case(self, store: Store) -> None:
        assert store.kept_name("copybara.azero") is None
        store.keep_name(kept("copybara.azero", node(1), at=100))
        assert store.kept_name("Copybara.AZERO") == kept("copybara.azero", node(1), at=100)

    def test_what_was_kept_last_holds(self, store: Store) -> None:
        store.keep_name(kept("copybara.azero", node(1), at=100))
        last = replace(kept("copybara.azero", node(1), at=200), refused=node(2))
        store.keep_name(last)
        assert store.kept_names() == [last]

    def test_following_a_name_moves_the_contact_and_forgets_the_old_nodes_secrets(self, store: Store) -> None:
        old = contact("Anna")
        store.save_contact(old)
        store.propose_secret(old.node, bytes(32), 1)
        new = msgspec.structs.replace(old, node=node(77))
        store.follow_name(kept("anna.azero", node(77), at=100), new)
        assert store.contacts() == [new]
        assert store.readable_secrets() == []
        assert store.kept_name("anna.azero") == kept("anna.azero", node(77), at=100)

    def test_a_name_is_not_followed_to_another_contacts_node(self, store: Store) -> None:
        old, other = contact("Anna", 1), contact("Bob", 2)
        store.save_contact(old)
        store.save_contact(other)
        with pytest.raises(InputError, match="Bob"):
            store.follow_name(kept("anna.azero", other.node, at=100), msgspec.structs.replace(old, node=other.node))
        assert store.contacts() == [old, other]
        assert store.kept_names() == []


def kept(name: str, node: NodeId, *, at: int) -> KeptName:
    return KeptName(NamedNode(node=node, source="AZERO.ID", name=name, at=at, from_memory=False))


class TestSeveralAtATime:
    def test_what_one_writes_the_other_reads(self, store: Store, other: Store) -> None:
        store.save_contact(contact("Anna"))
        assert other.contact_named("Anna") == contact("Anna")
        other.remove_contact("Anna")
        assert store.contacts() == []

    def test_the_revision_changes_with_every_write_of_anybody(self, store: Store, other: Store) -> None:
        revisions = [store.revision()]
        other.save_contact(contact("Anna"))
        revisions.append(store.revision())
        store.propose_secret(node(1), secret(1), 0)
        revisions.append(store.revision())
        other.remove_contact("Anna")
        revisions.append(store.revision())
        assert len(set(revisions)) == 4
        assert store.contacts() == []
        assert store.revision() == revisions[-1]

    def test_one_process_reads_while_another_writes(self, store: Store, path: Path) -> None:
        child = (
            "import sys\nfrom pathlib import Path\nfrom shared.store import Store\n"
            "from tests.shared.store.test_database import contact\n"
            "with Store(Path(sys.argv[1])) as store:\n"
            "    print('ready', flush=True)\n"
            "    sys.stdin.readline()\n"
            "    for n in range(150):\n"
            "        store.save_contact(contact(f'Contact {n:03}', n))\n"
        )
        seen = [0]
        with run_child(child, path) as writer:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
            while seen[-1] < 150:
                assert writer.poll() in (None, 0)
                contacts = store.contacts()
                assert contacts == [contact(f"Contact {n:03}", n) for n in range(len(contacts))]
                seen.append(len(contacts))
                store.use_link(b"%d" % len(seen), ours=False, expires=0)
        assert writer.returncode == 0
        assert seen == sorted(seen)

    def test_many_that_open_a_new_store_at_once_all_get_it(self, path: Path) -> None:
        child = (
            "import sys\nfrom pathlib import Path\nfrom shared.store import Store\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "with Store(Path(sys.argv[1])) as store:\n"
            "    store.use_link(sys.argv[2].encode(), ours=False, expires=0)\n"
        )
        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(run_child(child, path, str(n))) for n in range(4)]
            for process in children:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in children:
                assert process.wait() == 0
        with Store(path) as store:
            assert [store.link_seen(b"%d" % n) for n in range(4)] == ["used"] * 4

    def test_a_transaction_that_another_holds_for_too_long_is_an_error(self, path: Path) -> None:
        with (
            Store(path, busy_seconds=0.05) as store,
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as another,
        ):
            another.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="another process"):
                store.save_contact(contact())
            another.execute("ROLLBACK")
            store.save_contact(contact())


class TestFiles:
    def test_a_new_store_is_for_its_owner_only(self, path: Path) -> None:
        before = os.umask(0)
        try:
            with Store(path) as store:
                store.save_contact(contact())
                modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert modes == {"copybara.db": 0o600, "copybara.db-wal": 0o600, "copybara.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_a_store_that_others_could_read_becomes_private_again(self, path: Path) -> None:
        Store(path).close()
        path.chmod(0o644)
        Store(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_path_with_marks_that_mean_something_in_addresses_is_just_a_path(self, tmp_path: Path) -> None:
        path = tmp_path / "a?mode=memory#b%20ü" / "copybara.db"
        with Store(path) as store:
            store.save_contact(contact())
        with Store(path) as store:
            assert store.contacts() == [contact()]

    def test_a_folder_that_cannot_be_made_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError):
            Store(tmp_path / "file" / "copybara.db")

    def test_a_folder_in_the_place_of_the_database_is_refused(self, path: Path) -> None:
        path.mkdir(parents=True)
        with pytest.raises(StoreError):
            Store(path)
        assert path.is_dir()

    def test_a_new_store_in_a_folder_that_is_read_only_is_refused(self) -> None:
        with reachable_folder() as folder:
            folder.chmod(0o555)
            with ordinary_user(folder), pytest.raises(StoreError) as refused:
                Store(folder / "copybara.db")
            assert refused.value.sentence.endswith(f"copybara.db can't be used: you may not write to {folder}.")
            assert refused.value.hint == f"Run: chmod u+rwX {folder}"
            assert list(folder.iterdir()) == []

    def test_a_store_in_a_folder_that_is_read_only_is_refused(self) -> None:
        with reachable_folder() as folder:
            path = folder / "copybara.db"
            Store(path).close()
            before = everything_in(folder)
            folder.chmod(0o555)
            with ordinary_user(folder, path), pytest.raises(StoreError, match="you may not write to") as refused:
                Store(path)
            assert refused.value.hint == f"Run: chmod u+rwX {folder}"
            assert everything_in(folder) == before

    def test_a_database_that_is_read_only_is_refused_and_left_so(self) -> None:
        with reachable_folder() as folder:
            path = folder / "copybara.db"
            Store(path).close()
            path.chmod(0o400)
            with ordinary_user(folder, path), pytest.raises(StoreError) as refused, Store(path) as store:
                store.save_contact(contact())
            assert refused.value.sentence == f"The database {path} can't be used: you may not write to it."
            # SQLite gives what it keeps beside it the same mode.
            assert refused.value.hint == f"Run: chmod u+rwX {path} {path}-wal {path}-shm"
            assert stat.S_IMODE(path.stat().st_mode) == 0o400

    def test_a_database_that_may_not_be_read_is_refused_and_not_set_aside(self) -> None:
        with reachable_folder() as folder:
            path = folder / "copybara.db"
            Store(path).close()
            path.chmod(0)
            with ordinary_user(folder, path), pytest.raises(StoreError, match="you may not read") as refused:
                Store(path)
            assert refused.value.hint == f"Run: chmod u+rwX {path}"
            assert path.exists()

    @pytest.mark.skipif(
        os.geteuid() != 0, reason="only root can give a file to another user; .ci/run is root and runs it"
    )
    @pytest.mark.parametrize("whole", [True, False], ids=["the database", "what SQLite keeps beside it"])
    def test_a_database_that_belongs_to_another_user_names_them_and_every_file(self, whole: bool) -> None:
        with reachable_folder() as folder:
            path = folder / "copybara.db"
            with Store(path) as store:
                store.save_contact(contact())
                beside = [Path(f"{path}{ending}") for ending in ("-wal", "-shm")]
                theirs, own = ([path, *beside], []) if whole else (beside, [path])
                with ordinary_user(folder, *own), pytest.raises(StoreError) as refused:
                    Store(path)
            which = "it" if whole else "copybara.db-wal"
            assert refused.value.sentence == f"The database {path} can't be used: {which} belongs to the user root."
            assert refused.value.hint == (
                f"If it should be yours, run: sudo chown nobody {' '.join(str(each) for each in theirs)}"
            )

    def test_a_full_disk_is_an_error_and_nothing_is_half_written(self, store: Store) -> None:
        store.save_contact(contact("Anna"))
        pages = store.rows("PRAGMA page_count")[0][0]
        store.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="the disk is full") as raised:
            store.save_contact(msgspec.structs.replace(contact("Bob", 2), endpoint="x" * 100_000))
        assert raised.value.hint == "Make room on the disk."
        assert store.contacts() == [contact("Anna")]


class TestDamage:
    def filled(self, path: Path) -> bytes:
        with Store(path) as store:
            for number in range(60):
                store.save_contact(contact(f"Contact {number}", number))
                store.propose_secret(node(number), os.urandom(32), 0)
        return path.read_bytes()

    def refused(self, path: Path) -> DamagedStore:
        with pytest.raises(DamagedStore) as caught:
            Store(path, clock=MOMENT.timestamp)
        return caught.value

    def kept(self, path: Path) -> dict[str, bytes]:
        """Everything in the folder except what SQLite writes again whenever it opens a file."""
        return {
            name: content
            for name, content in everything_in(path.parent).items()
            if not name.endswith("-shm") and not (name.endswith("-wal") and not content)
        }

    @pytest.mark.parametrize("make", [os.urandom, bytes], ids=["random", "zero"])
    @pytest.mark.parametrize("length", [1, 10, 100, 511, 512, 4096, 100_000])
    def test_bytes_that_are_no_database_are_set_aside(
        self, path: Path, make: Callable[[int], bytes], length: int
    ) -> None:
        path.parent.mkdir()
        content = make(length)
        path.write_bytes(content)
        error = self.refused(path)
        assert ASIDE in error.sentence
        assert str(path) in error.sentence
        assert self.kept(path) == {ASIDE: content}

    @pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.999])
    def test_a_truncated_database_is_set_aside(self, path: Path, part: float) -> None:
        content = self.filled(path)
        content = content[: int(len(content) * part)]
        path.write_bytes(content)
        self.refused(path)
        assert self.kept(path) == {ASIDE: content}

    def test_a_database_with_a_damaged_page_is_set_aside(self, path: Path) -> None:
        content = bytearray(self.filled(path))
        content[4096:8192] = os.urandom(4096)
        path.write_bytes(content)
        self.refused(path)
        assert self.kept(path) == {ASIDE: bytes(content)}

    def test_the_next_start_makes_a_new_database(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"damaged" * 1000)
        self.refused(path)
        with Store(path) as store:
            assert store.contacts() == []

    def test_two_in_the_same_second_do_not_overwrite_each_other(self, path: Path) -> None:
        path.parent.mkdir()
        for content in (b"first" * 1000, b"second" * 1000, b"third" * 1000):
            path.write_bytes(content)
            self.refused(path)
        assert self.kept(path) == {
            ASIDE: b"first" * 1000,
            f"{ASIDE}-2": b"second" * 1000,
            f"{ASIDE}-3": b"third" * 1000,
        }

    def test_a_name_of_which_only_a_side_file_is_left_is_not_used(self, path: Path) -> None:
        path.parent.mkdir()
        (path.parent / f"{ASIDE}-wal").write_bytes(b"kept")
        path.write_bytes(b"damaged" * 1000)
        self.refused(path)
        assert self.kept(path) == {f"{ASIDE}-wal": b"kept", f"{ASIDE}-2": b"damaged" * 1000}

    def test_the_log_of_a_killed_process_is_set_aside_with_its_database(self, path: Path) -> None:
        content = bytearray(self.filled(path))
        child = (
            "import sys\nfrom pathlib import Path\nfrom shared.store import Store\n"
            "store = Store(Path(sys.argv[1]))\n"
            "store.use_link(b'link', ours=False, expires=0)\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
        )
        with run_child(child, path) as process:
            process.send_signal(signal.SIGKILL)
        log = (path.parent / "copybara.db-wal").read_bytes()
        assert log
        content[4096:] = os.urandom(len(content) - 4096)
        path.write_bytes(content)
        self.refused(path)
        assert self.kept(path) == {ASIDE: bytes(content), f"{ASIDE}-wal": log}

    def test_a_log_without_its_database_is_set_aside_too(self, path: Path) -> None:
        path.parent.mkdir()
        (path.parent / "copybara.db-wal").write_bytes(b"log" * 1000)
        self.refused(path)
        assert self.kept(path) == {f"{ASIDE}-wal": b"log" * 1000}

    def test_an_empty_file_is_simply_a_new_database(self, path: Path) -> None:
        path.parent.mkdir()
        path.touch()
        with Store(path) as store:
            store.save_contact(contact())
            assert store.contacts() == [contact()]

    @pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b'{"name":"A","node":{"key":"AA=="},"created":0}'])
    def test_a_contact_that_cannot_be_read_is_an_error_where_it_is_asked_for(
        self, store: Store, path: Path, value: bytes
    ) -> None:
        store.save_contact(contact())
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE contacts SET value = ?", (value,))
        with pytest.raises(DamagedStore) as caught:
            store.contact_of(node(1))
        assert "Everything else in it works" in caught.value.hint
        assert store.contacts() == []

    def test_damage_that_shows_while_it_runs_is_a_damaged_database(self, path: Path) -> None:
        self.filled(path)
        with Store(path) as store:
            with path.open("r+b") as file:
                file.truncate(4096)
            with pytest.raises(DamagedStore):
                store.contacts()
        assert path.exists()

    def damaged_log(self, path: Path) -> bytes:
        with Store(path) as store:
            store.save_contact(contact())
            with store.transaction() as database:
                database.executemany("INSERT INTO call_log (value) VALUES (?)", [(b"x" * 1000,)] * 100)
        with contextlib.closing(sqlite3.connect(path)) as database:
            root = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'call_log'").fetchone()[0]
        content = path.read_bytes()
        content = content[: (root - 1) * 4096] + os.urandom(4096) + content[root * 4096 :]
        path.write_bytes(content)
        return content

    def test_a_thorough_look_finds_damage_that_nobody_has_read(self, path: Path) -> None:
        content = self.damaged_log(path)
        with pytest.raises(DamagedStore):
            Store(path, clock=MOMENT.timestamp, thorough=True)
        assert self.kept(path) == {ASIDE: content}

    def test_a_start_doesnt_look_through_the_log_until_damage_shows_there(self, path: Path) -> None:
        content = self.damaged_log(path)
        with Store(path) as store:
            assert store.contacts() == [contact()]
            with pytest.raises(DamagedStore, match="is damaged"):
                store.call_log(20)
        self.refused(path)
        assert self.kept(path)[ASIDE] == content
        assert not any("seen-damaged" in name for name in everything_in(path.parent))


class TestSchema:
    def test_a_new_database_gets_the_present_version(self, path: Path) -> None:
        Store(path).close()
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert version(database) == len(STEPS)
            assert database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"

    @pytest.mark.parametrize("done", range(len(STEPS) + 1))
    def test_a_database_of_every_older_version_is_brought_up(self, path: Path, done: int) -> None:
        path.parent.mkdir()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            migrate(database, STEPS[:done])
        with Store(path) as store:
            store.save_contact(contact())
            assert store.contacts() == [contact()]

    def test_only_the_steps_that_are_missing_are_done(self) -> None:
        later: tuple[Step, ...] = (*STEPS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)"))
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            assert migrate(database, STEPS) == 0
            assert migrate(database, later) == len(STEPS)
            assert migrate(database, later) == len(later)
            assert database.execute("SELECT x FROM later").fetchall() == [(1,)]

    def test_a_step_that_fails_is_not_done_by_half(self) -> None:
        broken: tuple[Step, ...] = (*STEPS, ("CREATE TABLE later (x)", "this is no SQL"))
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            with pytest.raises(sqlite3.OperationalError):
                migrate(database, broken)
            assert version(database) == len(STEPS)
            assert database.execute("SELECT name FROM sqlite_schema WHERE name = 'later'").fetchall() == []

    def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(self, path: Path) -> None:
        Store(path).close()
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
        before = everything_in(path.parent)
        with pytest.raises(StoreError, match="newer version") as caught:
            Store(path)
        assert not isinstance(caught.value, DamagedStore)
        assert "Update" in caught.value.hint
        assert everything_in(path.parent) == before

    def test_another_programs_database_is_refused_and_not_set_aside(self, path: Path) -> None:
        path.parent.mkdir()
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE theirs (x)")
        with pytest.raises(StoreError, match="another program's"):
            Store(path)
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM theirs").fetchone() == (0,)

    def test_a_field_that_a_newer_version_added_is_passed_over(self, store: Store, path: Path) -> None:
        store.save_contact(contact())
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE contacts SET value = CAST(json_set(value, '$.later', 1) AS BLOB)")
        assert store.contacts() == [contact()]


class TestImitation:
    @pytest.mark.parametrize("name", ["\u0430nna", "ann\u0430", "an\u034fna", "anna\ufe0f", "anna\uffa0"])
    def test_a_name_that_could_be_taken_for_a_contacts_is_not_saved_beside_it(self, store: Store, name: str) -> None:
        store.save_contact(contact("anna", 1))
        with pytest.raises(InputError):
            store.save_contact(contact(name, 2))
        store.save_contact(contact("bob", 2))
        with pytest.raises(InputError):
            store.rename_contact("bob", name)
        assert [each.name for each in store.contacts()] == ["anna", "bob"]

    def test_a_contact_can_be_renamed_to_what_looks_like_its_own_name(self, store: Store) -> None:
        store.save_contact(contact("pau1", 1))
        assert store.rename_contact("pau1", "paul").name == "paul"

    def test_a_contact_saved_before_stays_what_it_is(self, store: Store, path: Path) -> None:
        store.save_contact(contact("anna", 1))
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            imitation = contact("\u0430nna", 2)
            database.execute(
                "INSERT INTO contacts VALUES (?, ?, ?)",
                (name_key(imitation.name), imitation.node.key, msgspec.json.encode(imitation)),
            )
        changed = msgspec.structs.replace(imitation, trust=Trust.BLOCK)
        store.save_contact(changed)
        assert store.contact_of(node(2)) == changed

    def test_a_name_is_found_without_the_joiners_that_nobody_sees(self, store: Store) -> None:
        store.save_contact(contact("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", 1))
        assert store.contact_named("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645") is not None


@pytest.mark.parametrize("value", [b"\xff", b"{}", b"null", b'{"name": 1}'])
def test_an_entry_that_cannot_be_read_costs_no_other(tmp_path: Path, value: bytes, caplog: Any) -> None:
    with Store(tmp_path / "copybara.db") as store:
        for number, name in ((1, "Anna"), (2, "Bob")):
            store.save_contact(contact(name, number))
            store.end_call(record(number))
            store.keep_name(kept(f"{name}.azero".lower(), node(number), at=1))
        with store.transaction() as database:
            database.execute("UPDATE contacts SET value = ? WHERE node = ?", (value, node(1).key))
            database.execute("UPDATE call_log SET value = ? WHERE id = 1", (value,))
            database.execute("UPDATE names SET value = ? WHERE name_key = ?", (value, name_key("anna.azero")))
        for _ in range(2):
            assert [each.name for each in store.contacts()] == ["Bob"]
            assert store.call_log(10) == [record(2)]
            assert [each.answer.name for each in store.kept_names()] == ["bob.azero"]
        store.save_contact(contact("Carol", 3))
        store.rename_contact("Bob", "Ben")
        with pytest.raises(DamagedStore, match="An entry in the database"):
            store.contact_of(node(1))
    assert 1 <= sum("can't be read" in each.message for each in caplog.records) <= 3, "each is logged once"


@pytest.mark.parametrize(
    "changed", [{"role": "nobody"}, {"port": 70_000}, {"remote_port": -1}, {"agreed": "AAAA"}, {"epoch": -1}]
)
def test_a_running_call_that_makes_no_sense_is_forgotten(tmp_path: Path, changed: dict[str, Any]) -> None:
    with Store(tmp_path / "copybara.db") as store:
        store.save_call(running(1))
        store.save_call(running(2))
        value = msgspec.json.encode(msgspec.to_builtins(running(1)) | changed)
        with store.transaction() as database:
            database.execute("UPDATE running_calls SET value = ? WHERE reference = ?", (value, running(1).reference))
        assert store.running_calls() == [running(2)]


def test_a_text_that_is_damaged_costs_no_other(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        journal = Journal(store, "telegram")
        journal.set_facts({"writes:anna": b"7", "writes:bob": b"8"})
        journal.show("call", b"{}")
        with store.transaction() as database:
            database.execute("UPDATE messenger_facts SET name = CAST(x'ff' AS TEXT) WHERE name = 'writes:anna'")
            database.execute("UPDATE shown_calls SET call = CAST(x'ff' AS TEXT)")
        assert journal.facts("writes:") == {"writes:bob": b"8"}
        assert journal.fact("writes:bob") == b"8"
        assert list(journal.shown().values()) == [b"{}"]
