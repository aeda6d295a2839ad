"""A backup is made while the program runs. A restored home gets keys with its contacts again."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import itertools
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest

from bot.backup.place import put_in_place
from bot.backup.sealed_file import HEAD_BYTES, MAGIC, seal, unseal
from bot.backup.snapshot import MOST_BYTES, packed, unpack
from bot.cli.backup import read, restore, write
from bot.cli.service.units import SERVICE, SOCKET
from bot.for_administrator import handed_over
from bot.home import Home, HomeLock
from bot.kinds import Kind
from bot.messengers.deltachat.account import SELF
from bot.messengers.deltachat.owner import Owner
from bot.messengers.numbered_choices import NumberedChoices
from bot.messengers.owner_code import code_of
from bot.terminal import texts
from shared.contacts import Contact, Trust
from shared.errors import BadBackup, HomeInUse, StoreError
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import CHOICES, CONNECTION, OWNER, UNFINISHED, Journal
from shared.store.restored import links_from, not_ahead, restored
from tests.bot.console import Person, cli, connect, forms, hang_up, people
from tests.bot.setup.test_asked import at_terminal
from tests.child import run_child

pytestmark = pytest.mark.slow

PASSPHRASE = b"four words nobody guesses\n"


async def backed_up(person: Person, file: Path) -> None:
    code, out, errors = await person.cli("backup", str(file), stdin=PASSPHRASE)
    assert (code, errors) == (0, "")
    says_where_recordings_are(person, out)


def says_where_recordings_are(person: Person, said: str) -> None:
    for folder in ("recordings", "files"):
        assert str(person.home / folder) in said


async def brought_back(person: Person, file: Path) -> None:
    """End the program, lose the home, and restore it from the file."""
    assert await person.signalled(signal.SIGTERM) == 0
    shutil.rmtree(person.home)
    code, out, errors = await person.cli("restore", str(file), stdin=PASSPHRASE)
    assert (code, errors) == (0, "")
    says_where_recordings_are(person, out)
    await person.begin()
    await next_second()


@pytest.mark.parametrize(("contacts", "said"), [(0, "no contacts."), (1, "1 contact."), (2, "2 contacts.")])
def test_a_restore_says_how_many_contacts_came_back(contacts: int, said: str) -> None:
    folders = Path("recordings"), Path("files")
    assert texts.brought_back(Path("home"), contacts, *folders).startswith(f"The home is in home, with {said}\n")


async def test_a_backup_says_how_many_recordings_and_received_files_it_leaves_out(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    with Store(home.database):
        pass
    for name in ("Bob/cake.txt", "Bob/pie.txt", ".parts/half"):
        (home.files / name).parent.mkdir(parents=True, exist_ok=True)
        (home.files / name).touch()
    home.recordings.mkdir()
    (home.recordings / "a.webm").touch()
    command = ("--home", str(home.folder), "backup")
    _, out, _ = await cli(*command, str(tmp_path / "one.backup"), stdin=PASSPHRASE)
    assert f"({home.recordings}: 1 file now)" in out
    assert f"({home.files}: 2 files now)" in out
    shutil.rmtree(home.recordings)
    _, out, _ = await cli(*command, str(tmp_path / "two.backup"), stdin=PASSPHRASE)
    assert f"({home.recordings}: no files now)" in out


async def next_second() -> None:
    """Wait for the next second: links of the second of the restore are refused, like older ones."""
    await asyncio.sleep(1 - time.time() % 1)


async def words_of(person: Person) -> str:
    said = await person.until(lambda said: said["type"] == "call" and said["phrase"] is not None)
    return str(said["phrase"])


async def find_back(anna: Person, bob: Person) -> None:
    """Anna's call rings as unproven, both confirm its words, and one link is enough again."""
    anna.write("/call bob")
    link = await anna.posted("chat")
    assert len(link["token"]) > 64
    assert "anna" in await bob.told(kind=Kind.UNPROVEN_RINGS)
    bob.write("/answer anna")
    told = await asyncio.gather(*(person.told("/contact confirm", kind=Kind.WORDS) for person in (anna, bob)))
    for said, person, other in zip(told, (anna, bob), (bob, anna), strict=True):
        (words,) = re.findall(rf"/contact confirm {other.name} (.+)", said)
        await person.asked(f"/contact confirm {other.name} {words}", kind=Kind.CONTACT_CONFIRMED)
    await hang_up(anna, bob)
    for caller, callee in ((anna, bob), (bob, anna)):
        link = await connect(caller, callee, answer=f"/answer {caller.name}")
        assert len(link["token"]) == 64
        await asyncio.gather(words_of(caller), words_of(callee))
        await hang_up(caller, callee)


async def test_a_restored_home_and_its_contact_find_back_to_one_link_by_comparing_words(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        node = anna.node
        await backed_up(anna, tmp_path / "anna.backup")
        for caller, callee in ((anna, bob), (bob, anna)):
            await connect(caller, callee)
            await asyncio.gather(words_of(caller), words_of(callee))
            await hang_up(caller, callee)
        await brought_back(anna, tmp_path / "anna.backup")
        assert anna.node == node
        # Bob's link can't be read here any more, and anna reads whose it may be.
        bob.write("/call anna")
        assert "bob" in await anna.told(kind=Kind.LINK_KEY_UNKNOWN)
        bob.write("/hangup")
        await bob.call("ended")
        # Nothing is removed: anna calls, it rings as unproven, both compare the words and confirm.
        await find_back(anna, bob)


async def test_a_restored_home_whose_key_the_contact_still_has_shows_it_in_the_next_call(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await backed_up(anna, tmp_path / "anna.backup")
        await brought_back(anna, tmp_path / "anna.backup")
        with anna.store() as store:
            before = store.readable_secrets()
        anna.write("/call bob")
        await bob.told(kind=Kind.UNPROVEN_RINGS)
        bob.write("/answer")
        for said in await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (anna, bob))):
            assert ("nothing to confirm" in said, "/contact confirm" in said) == (True, False)
        await hang_up(anna, bob)
        # Both have proven the old key, so nobody has to compare words for the new one.
        for person, other in ((anna, bob), (bob, anna)):
            with person.store() as store:
                assert store.quarantined_secrets(other.id) == []
                assert store.writable_secret(other.id) is not None
        with anna.store() as store:
            assert set(before) <= set(store.readable_secrets())
        # A link of bob's proves him and ends the doubt.
        await connect(bob, anna, answer="/answer bob")
        with anna.store() as store:
            assert store.doubted() == []
            assert store.writable_secret(bob.id) is not None
        await hang_up(bob, anna)


async def test_two_homes_that_were_both_restored_from_different_times_find_back_to_one_link(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        for person in (anna, bob):
            await backed_up(person, tmp_path / f"{person.name}.backup")
            for caller, callee in ((anna, bob), (bob, anna)):
                await connect(caller, callee)
                await asyncio.gather(words_of(caller), words_of(callee))
                await hang_up(caller, callee)
        await asyncio.gather(*(brought_back(person, tmp_path / f"{person.name}.backup") for person in (anna, bob)))
        await find_back(anna, bob)


async def test_what_was_going_on_at_the_backup_is_over_afterwards_and_links_from_before_are_refused(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        with anna.store() as store:
            (running,) = store.running_calls()
            Journal(store, "telegram").done([], outgoing=[(None, b"a message")])
        await backed_up(anna, tmp_path / "anna.backup")
        await hang_up(anna, bob)
        with bob.chat.hold():
            bob.write(f"/call {anna.node}")
            old = await bob.posted("chat")
            await bob.call("calling")
            await brought_back(anna, tmp_path / "anna.backup")
        with anna.store() as store:
            assert store.running_calls() == []
            assert [call.reason for call in store.call_log(9) if call.reference == running.reference] == ["stopped"]
            assert Journal(store, "telegram").outgoing() == []
            assert links_from(store) > 0
        assert [line for line in await anna.after(old["text"], sender="bob") if line["type"] == "call"] == []
        bob.write("/hangup")
        await bob.call("ended")


def test_nobody_gets_anything_after_a_restore_that_was_allowed_before(tmp_path: Path) -> None:
    """The owner may have trusted them less since, or removed them."""
    trusted = {"trust": Trust.AUTO, "unproven": True, "classic": True, "files": True}
    with Store(tmp_path / "home" / "copybara.db") as store:
        store.save_contact(Contact(name="anna", node=NodeId(b"a" * 32), created=1, **trusted))  # type: ignore[arg-type]
        store.save_contact(Contact(name="bob", node=NodeId(b"b" * 32), created=1, trust=Trust.BLOCK))
        restored(store, 1000)
        found = {each.name: (each.trust, each.unproven, each.classic, each.files) for each in store.contacts()}
    assert found == {"anna": (Trust.RING, False, False, False), "bob": (Trust.BLOCK, False, False, False)}


def test_no_command_and_no_number_from_before_a_restore_does_anything_afterwards(tmp_path: Path) -> None:
    """A name was being looked up at the backup, and numbers have got other meanings since."""
    trust = NumberedChoices()
    (choice,) = trust.offer(["trust"], "anna", 1000)
    with Store(tmp_path / "home" / "copybara.db") as store:
        for messenger in ("telegram", "deltachat"):
            facts: dict[str, bytes | None] = {CHOICES: trust.to_bytes(), "bot": b"anna_bot"}
            facts[f"{UNFINISHED}1"] = b"/contact add anna anna.azero"
            Journal(store, messenger).set_facts(facts)
        restored(store, 1000)
        for messenger in ("telegram", "deltachat"):
            journal = Journal(store, messenger)
            assert journal.facts("") == {"bot": b"anna_bot"}
            assert NumberedChoices(journal.fact(CHOICES)).meant(choice.number) is None


def test_who_commanded_a_bot_before_a_restore_has_to_show_that_they_still_do(tmp_path: Path) -> None:
    """Their account may have been taken over since, and the bot have got another owner."""
    theirs, own = Owner(12, "AB" * 20), Owner(SELF, "CD" * 20)
    with Store(tmp_path / "home" / "copybara.db") as store:
        telegram, deltachat, device = (Journal(store, name) for name in ("telegram", "deltachat", "another"))
        telegram.set_facts({OWNER: b"7", f"{CONNECTION}c": b"7"})
        code = code_of(telegram)
        deltachat.set_facts({OWNER: theirs.kept()})
        device.set_facts({OWNER: own.kept()})
        restored(store, 1000)
        assert (telegram.facts(""), deltachat.facts("")) == ({}, {})
        assert code_of(telegram) != code
        assert device.facts("") == {OWNER: own.kept()}, "a device of the owner's account obeys that account's key"


def test_a_link_of_the_second_of_a_restore_is_from_before(tmp_path: Path) -> None:
    with Store(tmp_path / "home" / "copybara.db") as store:
        restored(store, 1000)
        assert links_from(store) == 1001


def test_after_a_restore_with_the_clock_ahead_links_are_read_from_the_next_start_on(tmp_path: Path) -> None:
    with Store(tmp_path / "home" / "copybara.db") as store:
        restored(store, 900_000)
        not_ahead(store, 1000)
        assert links_from(store) == 1001
        not_ahead(store, 2000)
        assert links_from(store) == 1001


async def test_a_home_that_was_restored_with_the_clock_ahead_is_called(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.stop()
        with bob.store() as store:
            restored(store, int(time.time()) + 400 * 86_400)
        await bob.begin()
        await next_second()
        anna.write("/call bob")
        await bob.call("ringing")


async def test_export_holds_contacts_and_calls_and_no_key(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        code, out, errors = await anna.cli("export")
        assert (code, errors) == (0, "")
        exported = json.loads(out)
        assert [(contact["name"], contact["node"]) for contact in exported["contacts"]] == [("bob", bob.node)]
        assert exported["calls"][0]["peer"] == bob.node
        for secret in anna.secrets():
            assert not any(form in out for form in forms(secret))


async def test_backups_that_cant_be_made_or_read_say_why(friends: Path, tmp_path: Path) -> None:
    shutil.copytree(friends / "anna", tmp_path / "anna")
    home, file = str(tmp_path / "anna"), tmp_path / "anna.backup"
    code, _, errors = await cli("--home", home, "backup", str(file), stdin=b"short\n")
    assert (code, "too short" in errors, file.exists()) == (1, True, False)
    code, _, errors = await cli("--home", home, "backup", str(file), stdin=PASSPHRASE)
    assert (code, errors, file.stat().st_mode & 0o777) == (0, "", 0o600)
    code, _, errors = await cli("--home", home, "restore", str(file), stdin=PASSPHRASE)
    assert (code, "already" in errors) == (1, True)
    new = tmp_path / "new"
    code, _, errors = await cli("--home", str(new), "restore", str(file), stdin=b"something else\n")
    assert (code, "passphrase is wrong" in errors, new.exists()) == (1, True, False)
    assert not list(tmp_path.glob(".new*"))  # noqa: ASYNC240 -- a look at a few names


async def test_a_home_that_only_a_look_has_made_is_no_obstacle_to_a_restore(friends: Path, tmp_path: Path) -> None:
    shutil.copytree(friends / "anna", tmp_path / "anna")
    file, new = tmp_path / "anna.backup", tmp_path / "new"
    assert (await cli("--home", str(tmp_path / "anna"), "backup", str(file), stdin=PASSPHRASE))[0] == 0
    for look in (["contacts"], ["log"], ["doctor"]):
        await cli("--home", str(new), *look)
    assert (new / "copybara.db").exists()
    code, _, errors = await cli("--home", str(new), "restore", str(file), stdin=PASSPHRASE)
    assert (code, errors) == (0, "")
    assert "bob" in (await cli("--home", str(new), "contacts"))[1]
    # From now on, the home is in use.
    code, _, errors = await cli("--home", str(new), "restore", str(file), stdin=PASSPHRASE)
    assert (code, "already" in errors) == (1, True)


async def test_what_an_uninstall_has_left_is_no_obstacle_to_a_restore_and_stays(friends: Path, tmp_path: Path) -> None:
    file, home = tmp_path / "anna.backup", Home(tmp_path / "anna")
    shutil.copytree(friends / "anna", home.folder)
    own = home.folder / "notes"
    own.write_text("from the backup")
    write(home, file, PASSPHRASE.decode().strip())
    (home.files / "Bob").mkdir(parents=True)
    (home.files / "Bob" / "cake.txt").write_text("a recipe")
    assert (await cli("--home", str(home.folder), "uninstall", "--shred-keys"))[0] == 0
    # A leftover of a restore that was killed in the middle.
    home.kept.mkdir()
    (home.kept / "recordings").mkdir()
    own.write_text("mine")
    code, _, errors = await cli("--home", str(home.folder), "restore", str(file), stdin=PASSPHRASE)
    assert (code, f"{own} is there already, and is in the backup too." in errors) == (1, True)
    assert (own.read_text(), home.database.exists()) == ("mine", False)
    own.unlink()
    code, _, errors = await cli("--home", str(home.folder), "restore", str(file), stdin=PASSPHRASE)
    assert (code, errors, own.read_text()) == (0, "", "from the backup")
    assert (home.files / "Bob" / "cake.txt").read_text() == "a recipe"
    assert home.recordings.exists()
    assert "bob" in (await cli("--home", str(home.folder), "contacts"))[1]
    assert (home.kept.exists(), home.folder.stat().st_mode & 0o777) == (False, 0o700)


def test_a_home_that_is_in_use_is_not_restored_over(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    with HomeLock(home), pytest.raises(HomeInUse, match=f"Process {os.getpid()} is already running") as refused:
        restore(home, tmp_path / "none")
    assert "Ctrl-C" in refused.value.hint
    assert f"`systemctl --user stop {SOCKET} {SERVICE}`" in refused.value.hint


async def test_two_different_passphrases_are_asked_for_again_three_times_at_most(friends: Path, tmp_path: Path) -> None:
    file = tmp_path / "anna's backup"
    again = r"The two passphrases weren't the same, so nothing was written\. Try again\.\n"
    async with at_terminal("--home", str(friends / "anna"), "backup", str(file), code=1) as terminal:
        for before in ("", again, again):
            await terminal.asks(f"{before}Passphrase for the backup: ", "four words nobody guesses")
            await terminal.asks("The same once more: ", "four words nobody guesse")
        said = await terminal.shows(r"hint: .*\n")
        assert f"Once more: copybara backup {shlex.quote(str(file))}\n" in said
    assert not file.exists()
    async with at_terminal("--home", str(friends / "anna"), "backup", str(file)) as terminal:
        await terminal.asks("Passphrase for the backup: ", "short")
        await terminal.asks(r"too short: it needs 8 characters or more\. Try again\.\nPassphrase.*: ", "four words")
        await terminal.asks("The same once more: ", "four words")
        await terminal.shows(f"To get the home back:\n  copybara restore {re.escape(shlex.quote(str(file)))}\n")
    assert file.exists()


async def test_a_wrong_passphrase_is_asked_for_again_and_of_a_file_that_is_no_backup_none(
    friends: Path, tmp_path: Path
) -> None:
    file, new = tmp_path / "anna.backup", tmp_path / "new"
    write(Home(friends / "anna"), file, PASSPHRASE.decode().strip())
    async with at_terminal("--home", str(new), "restore", str(file)) as terminal:
        await terminal.asks("Passphrase of the backup: ", "something else")
        again = r"The passphrase is wrong, or the backup was changed\. Try again\.\nPassphrase of the backup: "
        await terminal.asks(again, PASSPHRASE.decode().strip())
    assert "bob" in (await cli("--home", str(new), "contacts"))[1]
    file.write_text("no backup")
    async with at_terminal("--home", str(tmp_path / "other"), "restore", str(file), code=1) as terminal:
        assert "Passphrase" not in await terminal.shows("error: That file isn't a backup")


WHERE_WRITTEN = """
import sys
from pathlib import Path
from bot.backup.snapshot import packed
home, written = Path(sys.argv[1]), set()
def note(event, given):
    if event == "sqlite3.connect":
        written.add(str(given[0]))
    elif event in ("os.mkdir", "tempfile.mkdtemp", "tempfile.mkstemp") or event == "open" and given[2] & 3:
        written.add(str(given[0]))
sys.addaudithook(note)
packed(home)
print("ready")
print(*written, sep="\\n")
"""


def test_a_backup_writes_no_key_to_any_other_place_on_the_way(friends: Path, tmp_path: Path) -> None:
    shutil.copytree(friends / "anna", tmp_path / "anna")
    with run_child(WHERE_WRITTEN, tmp_path / "anna") as child:
        assert child.stdout is not None
        written = set(child.stdout.read().split())
    assert written == {f"file:{tmp_path}/anna/copybara.db?mode=ro", ":memory:"}


@pytest.mark.parametrize("command", ["restore", "uninstall", "uninstall without a home"])
async def test_what_a_killed_restore_has_left_goes_with_the_next_one_and_with_the_program(
    friends: Path, tmp_path: Path, command: str
) -> None:
    file, new = tmp_path / "anna.backup", Home(tmp_path / "new")
    write(Home(friends / "anna"), file, PASSPHRASE.decode().strip())
    # Its files up to then.
    shutil.copytree(friends / "bob", new.restoring)
    if command == "restore":
        code, _, errors = await cli("--home", str(new.folder), "restore", str(file), stdin=PASSPHRASE)
        assert (new.folder / "node.key").read_bytes() == (friends / "anna" / "node.key").read_bytes()
    else:
        if command == "uninstall":
            shutil.copytree(friends / "anna", new.folder)
        code, _, errors = await cli("--home", str(new.folder), "uninstall", "--shred-keys")
        assert not new.folder.exists()
    assert (code, errors, new.restoring.exists()) == (0, "", False)


KILLED = """
import os, signal, sys
from pathlib import Path
from bot.backup.place import put_in_place
left = int(sys.argv[1])
def step(event, given):
    global left
    if event in ("os.mkdir", "os.rename", "os.rmdir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
print("ready", flush=True)
put_in_place(*map(Path, sys.argv[2:]))
"""


def test_wherever_a_restore_is_killed_nothing_is_lost(tmp_path: Path) -> None:
    mine = {"recordings/a.webm": "a", "files/Bob/cake.txt": "a recipe", "notes": "mine"}
    ended: list[int] = []
    while 0 not in ended:
        home = Home(tmp_path / f"home {len(ended)}")
        for name, text in mine.items():
            path = home.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        home.restoring.mkdir()
        (home.restoring / "copybara.db").touch()
        folders = home.restoring, home.folder, home.kept
        with run_child(KILLED, str(len(ended)), *folders) as child:
            ended.append(child.wait())
        assert ended[-1] in (0, -signal.SIGKILL)
        if home.database.exists():
            home.prepare()  # the next start, or any other command
        else:
            with pytest.raises(StoreError, match="or that was interrupted"):
                home.prepare()
            home.put_back()  # the next restore
            put_in_place(*folders)
        there = {str(path.relative_to(home.folder)): path.read_text() for path in home.folder.rglob("*.*")}
        assert there | {"notes": (home.folder / "notes").read_text()} == {**mine, "copybara.db": ""}, len(ended)
        assert [path.name for path in home.folder.parent.glob(f".{home.folder.name}*")] == []
    assert len(ended) > 2 * len(mine)


def test_what_was_put_aside_replaces_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = Home(tmp_path / "home")
    for folder, text in ((home.folder, "new"), (home.kept, "old")):
        (folder / "recordings").mkdir(parents=True)
        (folder / "recordings" / "a.webm").write_text(text)
        (folder / "recordings" / f"{text}.webm").touch()
    home.prepare()
    assert sorted(path.name for path in home.recordings.iterdir()) == ["a.webm", "new.webm", "old.webm"]
    assert (home.recordings / "a.webm").read_text() == "new"
    assert (home.kept / "recordings" / "a.webm").read_text() == "old"
    assert str(home.kept) in caplog.text


async def test_a_home_that_is_made_while_a_restore_waits_is_not_lost(friends: Path, tmp_path: Path) -> None:
    file, pipe, home = tmp_path / "anna.backup", tmp_path / "pipe", Home(tmp_path / "home")
    write(Home(friends / "anna"), file, PASSPHRASE.decode().strip())
    os.mkfifo(pipe)
    restoring = asyncio.create_task(cli("--home", str(home.folder), "restore", str(pipe), stdin=PASSPHRASE))
    with await asyncio.to_thread(pipe.open, "wb") as backup:  # it has checked whether there is a home
        shutil.copytree(friends / "bob", home.folder)
        await asyncio.to_thread(backup.write, file.read_bytes())
    code, _, errors = await restoring
    assert (code, "There is a home in" in errors) == (1, True)
    assert "anna" in (await cli("--home", str(home.folder), "contacts"))[1]


def test_only_the_passphrase_opens_a_file_and_no_byte_can_be_changed() -> None:
    sealed = seal(b"content", "pass phrase")
    assert unseal(sealed, "pass phrase") == b"content"
    for place in (len(MAGIC), HEAD_BYTES - 1, HEAD_BYTES, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(BadBackup):
            unseal(bytes(changed), "pass phrase")
    for other in (b"", sealed[:20], b"x" * 100):
        with pytest.raises(BadBackup):
            unseal(other, "pass phrase")


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_nothing_is_unpacked_beside_the_home(tmp_path: Path, name: str) -> None:
    archive, folder = io.BytesIO(), tmp_path / "home"
    folder.mkdir()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.type = tarfile.SYMTYPE if name == "link" else tarfile.REGTYPE
        entry.linkname = "/etc/passwd" if name == "link" else ""
        tar.addfile(entry, io.BytesIO())
    with pytest.raises(BadBackup):
        unpack(archive.getvalue(), folder)
    assert list(tmp_path.rglob("*")) == [folder]
    with pytest.raises(BadBackup):
        unpack(b"no archive", folder)


def test_what_no_backup_holds_is_not_brought_back_by_one_that_somebody_made(tmp_path: Path) -> None:
    """Set-up asks an administrator to run `for-root.sh`, and SQLite believes the files beside a database."""
    foreign = ["for-root.sh", "copybara.db-journal", "copybara.db-wal", "recordings/a.webm", "files/a", "control.sock"]
    archive, folder = io.BytesIO(), tmp_path / "home"
    folder.mkdir()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in (*foreign, ".copybara.toml.1.new", "copybara.toml"):
            entry = tarfile.TarInfo(name)
            entry.size = 3 << 20
            tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    unpack(archive.getvalue(), folder)
    assert [path.name for path in folder.rglob("*")] == ["copybara.toml"]
    assert not handed_over(Home(folder))


def head(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def with_note(*notes: bytes, kind: bytes = tarfile.XHDTYPE, name: str = "file") -> bytes:
    """An empty file after an extended header with these notes."""
    records = b"".join(map(record, notes))
    return head("note", len(records), kind) + records + bytes(-len(records) % 512) + head(name)


def record(note: bytes) -> bytes:
    """A line of an extended header, whose length includes the length itself (pax(1))."""
    length = len(note) + 2
    while len(line := b"%d %s\n" % (length, note)) != length:
        length = len(line)
    return line


def sparse(count: int) -> bytes:
    """The map of a sparse file in GNU's format 1.0, with `count` numbers."""
    version = with_note(b"GNU.sparse.major=1", b"GNU.sparse.minor=0")[:1024]
    numbers = b"%d\n" % count + b"999\n" * count
    return version + head("file", len(numbers)) + numbers + bytes(-len(numbers) % 512)


def old_sparse(count: int) -> bytes:
    """The map of a sparse file in the old format: a chain of blocks, each of which announces another one."""
    first = bytearray(head("file", kind=tarfile.GNUTYPE_SPARSE))
    block = b"00000000001 00000000001 " * 21 + b"\1" + bytes(7)
    first[386:482], first[482] = block[:96], 1
    first[148:156] = b"%06o\0 " % (sum(first[:148] + first[156:512]) + 8 * 32)
    return bytes(first) + block * count


@pytest.mark.parametrize(
    "archive",
    [
        with_note(b"comment=" + b"x" * (8 << 20)),
        with_note(b"comment=" + b"x" * 900_000) * 20,
        with_note(b"comment=" + b"x" * 100_000, kind=tarfile.XGLTYPE) * 100,
        with_note(b"comment=x", kind=tarfile.XGLTYPE) + head("another"),
        with_note(b"comment=x")[:1024] * 5000,
        head("x", kind=tarfile.GNUTYPE_LONGNAME) * 5000,
        head("x", 8 << 20, tarfile.GNUTYPE_LONGNAME) + b"x" * (8 << 20) + head("file"),
        with_note(b"GNU.sparse.map=x,y"),
        sparse(1),
        sparse(2_000_000),
        old_sparse(50_000),
        with_note(b"size=1000000000000") + bytes(8 << 20),
        with_note(b"size=-512"),
        head("/".join("a" * 1000)),
    ],
    ids=[
        "a long header",
        "many long headers",
        "headers for all that follow",
        "a header for all that follow",
        "headers of headers",
        "names of names",
        "a long name",
        "a map that is none",
        "a short map",
        "a long map",
        "a chain of maps",
        "a size that is larger than the archive",
        "a size below zero",
        "a thousand folders",
    ],
)
def test_an_archive_that_is_made_to_cost_much_is_one_error(tmp_path: Path, archive: bytes) -> None:
    archive = gzip.compress(archive + bytes(1024), 1)
    tracemalloc.start()
    try:
        with pytest.raises(BadBackup):
            unpack(archive, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert all(path.stat().st_size == 0 for path in tmp_path.rglob("*"))
    assert sum(1 for _ in tmp_path.rglob("*")) <= 1


def test_what_has_been_unpacked_is_not_kept_in_memory(tmp_path: Path) -> None:
    note, many = b"comment=" + b"x" * 1400, 2000
    archive = b"".join(with_note(note, name=str(number)) for number in range(many)) + bytes(1024)
    assert len(archive) > 2 * (2 << 20)
    packed_archive = gzip.compress(archive, 1)
    gc.freeze()  # otherwise Python collects garbage only when there is as much as in all other tests
    gc.collect()
    tracemalloc.start()
    try:
        unpack(packed_archive, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert sum(1 for _ in tmp_path.iterdir()) == many


def test_an_archive_of_more_folders_than_any_home_has_is_one_error(tmp_path: Path) -> None:
    archive = gzip.compress(b"".join(head(f"{number}/a/b/c/file") for number in range(20)) + bytes(1024))
    with pytest.raises(BadBackup):
        unpack(archive, tmp_path, most_files=40)
    assert sum(1 for _ in tmp_path.rglob("*")) < 50


def test_a_file_comes_back_whatever_its_name_its_size_and_its_time_are(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    (again := tmp_path / "again").mkdir()
    places = [
        "a",
        "\xe9t\xe9",
        "sub/" + "n" * 250,
        "\u65e5" * 80 + "/" + "\u65e5" * 80 + "/x",
        "/".join(["\u65e5" * 80] * 4) + "/" + "x" * 58,
        "/".join("abcdefgh" * 4),
    ]
    sizes = [0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 512]
    for number, (place, size) in enumerate(itertools.product(places, sizes)):
        file = home / f"{place}{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(secrets.token_bytes(size))
        os.utime(file, (-5, -5) if number % 2 else (1 << 34, 1 << 34))
    unpack(packed(home), again)
    for path in home.rglob("*"):
        copy = again / path.relative_to(home)
        assert copy.is_dir() if path.is_dir() else copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "place", ["/".join("a" * 33), "/".join(["\u65e5" * 80] * 4) + "/" + "x" * 61], ids=["deep", "long"]
)
def test_a_path_that_could_not_be_unpacked_is_no_backup(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    with pytest.raises(StoreError, match="too long for a backup"):
        packed(tmp_path)


def test_a_device_that_has_no_end_is_no_backup() -> None:
    with pytest.raises(BadBackup, match="larger than any backup"):
        read(Path("/dev/zero"), largest=1 << 20)


@pytest.mark.parametrize("place", ["files/holiday.jpg", "files/.parts/1.part", "deltachat/accounts/1/dc.db-blobs/x.db"])
def test_what_others_sent_makes_no_backup_fail(friends: Path, tmp_path: Path, place: str) -> None:
    shutil.copytree(friends / "bob", tmp_path / "bob")
    hostile = tmp_path / "bob" / place
    hostile.parent.mkdir(parents=True)
    hostile.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    (tmp_path / "again").mkdir()
    unpack(packed(tmp_path / "bob"), tmp_path / "again")
    again = tmp_path / "again" / place
    assert not again.exists() if place.startswith("files") else again.read_bytes() == hostile.read_bytes()


def test_what_could_not_be_unpacked_is_no_backup(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.bin").touch()
        os.truncate(tmp_path / f"{number}.bin", MOST_BYTES * (1 - number) + 1)  # without a block on the disk
    with pytest.raises(StoreError, match="more than a backup can"):
        packed(tmp_path)
    assert packed(tmp_path, but=[Path("0.bin")])


def test_a_backup_leaves_out_the_folders_that_are_configured_and_is_not_written_if_it_is_too_large(
    friends: Path, tmp_path: Path
) -> None:
    shutil.copytree(friends / "bob", tmp_path / "bob")
    home = Home(tmp_path / "bob")
    (films := home.folder / "films").mkdir()
    (films / "a.webm").write_bytes(secrets.token_bytes(300_000))
    home.own_config.write_text(f'[files]\nfolder = "{films}"\n')
    write(home, tmp_path / "good", PASSPHRASE.decode())
    assert (tmp_path / "good").stat().st_size < 300_000
    home.own_config.write_text("")
    with pytest.raises(StoreError, match="more than can be brought back"):
        write(home, tmp_path / "bad", PASSPHRASE.decode(), largest=300_000)
    assert not (tmp_path / "bad").exists()


def test_a_home_is_packed_without_what_belongs_to_one_run(friends: Path, tmp_path: Path) -> None:
    shutil.copytree(friends / "bob", tmp_path / "bob")
    home = Home(tmp_path / "bob")
    home.recordings.mkdir()
    (home.recordings / "call.webm").write_bytes(b"long")
    (tmp_path / "again").mkdir()
    unpack(packed(home.folder), tmp_path / "again")
    names = {path.name for path in (tmp_path / "again").rglob("*")}
    assert {"copybara.db", "sealing.key", "node.key"} <= names
    assert not names & {"call.webm", "recordings", "copybara.pid", "control.sock", "copybara.db-wal"}
