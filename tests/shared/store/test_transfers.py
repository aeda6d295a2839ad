"""Files that are being sent, as they are stored beyond their calls."""

from __future__ import annotations

from pathlib import Path

import msgspec

from peer.calls.files.part_file import part_name
from shared.contacts import Contact
from shared.files.records import KEPT_FOR_ONE, KEPT_SECONDS, KeptFile
from shared.names import NamedNode
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store import Store

ANNA, BOB = NodeId(b"a" * 32), NodeId(b"b" * 32)


def kept(number: int, peer: NodeId = ANNA, *, ours: bool = False) -> KeptFile:
    """The file with that number."""
    return KeptFile(peer=peer, ours=ours, digest=number.to_bytes(32), size=number, name=f"{number}.txt", at=number)


def test_a_file_is_kept_changed_and_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        for each in (kept(1), kept(1, BOB), kept(1, ours=True)):
            store.keep_file(each)
        done = msgspec.structs.replace(kept(1), done=True)
        store.keep_file(done)
        assert store.kept_files(ANNA) == [done, kept(1, ours=True)]
        store.forget_file(kept(1))
        assert store.kept_files(ANNA) == [kept(1, ours=True)]
        assert len(store.kept_files()) == 2


def test_of_too_many_with_one_node_the_oldest_go_and_the_old_ones_go_with_time(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        store.keep_file(kept(0, BOB))
        for number in range(KEPT_FOR_ONE + 3):
            store.keep_file(kept(number))
        assert [each.size for each in store.kept_files(ANNA)] == [*range(3, KEPT_FOR_ONE + 3)]
        assert len(store.kept_files(BOB)) == 1
        store.forget_old_files(KEPT_SECONDS + 60)
        assert [each.size for each in store.kept_files()] == [*range(60, KEPT_FOR_ONE + 3)]


def test_with_a_contact_their_files_are_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, created=0))
        store.keep_file(kept(1))
        store.keep_file(kept(1, BOB))
        store.remove_contact("anna")
        assert store.kept_files() == [kept(1, BOB)]


def test_with_a_new_node_of_a_contact_their_files_go_along_and_nobody_elses_come_to_them(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        anna = Contact(name="anna", node=ANNA, created=0)
        store.save_contact(anna)
        for each in (kept(1), kept(2, ours=True), kept(3, BOB), kept(1, BOB, ours=True)):
            store.keep_file(each)
        parts = [part_name(each) for each in store.kept_files(ANNA)]
        store.move_contact(anna, BOB)
        assert store.kept_files(ANNA) == []
        moved = store.kept_files()
        assert [(each.peer, each.size, each.ours) for each in moved] == [(BOB, 1, False), (BOB, 2, True)]
        assert [part_name(each) for each in moved] == parts  # the parts of these files are found


def test_with_another_node_of_a_name_nothing_is_on_its_way(tmp_path: Path) -> None:
    with Store(tmp_path / "copybara.db") as store:
        anna = Contact(name="anna", node=ANNA, created=0)
        store.save_contact(anna)
        store.keep_file(kept(1))
        followed = KeptName(NamedNode(BOB, "azero", "anna.azero", 0, from_memory=False))
        store.follow_name(followed, msgspec.structs.replace(anna, node=BOB))
        assert store.kept_files() == []
