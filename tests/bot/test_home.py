"""The home folder, its keys, and the lock of one process."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.uninstall import own_files
from bot.command_socket import Question, Reply, listening
from bot.home import VARIABLE, Home, HomeLock
from shared.errors import HomeInUse, StoreError
from tests.child import run_child
from tests.peer.own_namespace import need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from bot.home import Home, HomeLock
with HomeLock(Home(Path(sys.argv[1]))):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the home until its input ends."""
    with run_child(HOLDER, home.folder) as process:
        yield process
        process.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_given_home_goes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYBARA_HOME", str(tmp_path / "variable"))
    assert Home.find(tmp_path / "given").folder == tmp_path / "given"
    assert Home.find().folder == tmp_path / "variable"


def test_without_a_variable_the_home_is_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COPYBARA_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Home.find().folder == tmp_path / "data" / "copybara"


def test_a_relative_home_is_made_absolute_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home.find(Path("here"))
    monkeypatch.chdir("/")
    assert home.folder == tmp_path / "here"


def test_a_home_of_a_user_who_does_not_exist_is_refused() -> None:
    with pytest.raises(StoreError, match="no folder"):
        Home.find(Path("~no-such-user/home"))


def test_a_path_with_a_nul_character_is_refused() -> None:
    with pytest.raises(StoreError):
        Home.find(Path("/tmp/a\0b")).prepare()


def test_a_new_home_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Home(tmp_path / "a" / "b" / "home")
        home.prepare()
    finally:
        os.umask(before)
    assert mode(home.folder) == mode(home.folder.parent) == mode(tmp_path / "a") == 0o700


def test_an_empty_folder_becomes_a_home_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    folder.chmod(0o777)
    Home(folder).prepare()
    assert mode(folder) == 0o700


def test_a_folder_with_other_things_in_it_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "something").touch()
    Home(tmp_path).prepare()
    assert mode(tmp_path) == 0o755


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="Other users can write") as caught:
        Home(tmp_path).prepare()
    assert f"chmod 700 {tmp_path}" in caught.value.hint
    assert mode(tmp_path) == 0o777


def test_a_folder_of_another_user_is_refused() -> None:
    with ordinary_user(), pytest.raises(StoreError, match="belongs to another user"):
        Home(Path("/usr")).prepare()


def test_a_home_that_cannot_be_made_is_refused() -> None:
    with reachable_folder() as folder:
        folder.chmod(0o555)
        with ordinary_user(folder), pytest.raises(StoreError, match="can't be used: you may not write to") as refused:
            Home(folder / "home").prepare()
    assert refused.value.hint == f"Run: chmod u+rwX {folder}"


def test_a_home_that_its_owner_may_not_write_in_is_refused_with_the_command_that_changes_it() -> None:
    with reachable_folder() as folder:
        (folder / "mine").touch()
        folder.chmod(0o500)
        with ordinary_user(folder), pytest.raises(StoreError, match="You may not write in the home") as refused:
            Home(folder).prepare()
    assert refused.value.hint == f"Run: chmod u+rwx {folder}"


def test_a_file_in_the_place_of_the_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(StoreError):
        Home(tmp_path / "home").prepare()


def test_preparing_a_home_again_changes_nothing(home: Home) -> None:
    key = home.load_sealing_key().private_bytes_raw()
    home.prepare()
    assert home.load_sealing_key().private_bytes_raw() == key


def test_the_homes_configuration_goes_before_the_users(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert not home.config
    users = tmp_path / "config" / "copybara" / "copybara.toml"
    users.parent.mkdir(parents=True)
    users.touch()
    assert home.config == users
    home.own_config.touch()
    assert home.config == home.own_config


def test_the_sealing_key_is_made_once_and_for_the_owner_only(home: Home) -> None:
    key = home.load_sealing_key().private_bytes_raw()
    assert home.sealing_key.read_bytes() == key
    assert len(key) == 32
    assert mode(home.sealing_key) == 0o600
    assert home.load_sealing_key().private_bytes_raw() == key
    assert [path.name for path in home.folder.iterdir()] == ["sealing.key"]


def test_what_a_dead_process_left_of_a_key_is_no_obstacle(home: Home) -> None:
    (home.folder / f".sealing.key.{os.getpid()}.new").write_bytes(b"half")
    assert len(home.load_sealing_key().private_bytes_raw()) == 32


KILLED = """
import os, signal, sys
from pathlib import Path
from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount, write_account
from shared.store.files import locked_folder, replace_file
os.rename = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
home = Home(Path(sys.argv[1]))
if sys.argv[2] == "telegram":
    with locked_folder(home.folder):
        replace_file(home.folder / "telegram.token", b"secret")
else:
    write_account(home, MatrixAccount("@bob:chat.test", "http://127.0.0.1", "DEVICE", "secret"))
"""
"A program that is killed when a token is written and doesn't have its name yet."


@pytest.mark.parametrize("messenger", ["telegram", "matrix"])
def test_a_key_or_token_whose_write_was_killed_goes_with_the_next_start(home: Home, messenger: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(home.folder), messenger], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert any(b"secret" in path.read_bytes() for path in home.folder.iterdir())
    assert own_files(home.folder) == list(home.folder.iterdir()), "an uninstall removes it, too"
    home.load_sealing_key()
    assert [path.name for path in home.folder.iterdir()] == ["sealing.key"]


def test_a_key_that_others_could_read_becomes_private_again(home: Home) -> None:
    home.load_sealing_key()
    home.sealing_key.chmod(0o644)
    home.load_sealing_key()
    assert mode(home.sealing_key) == 0o600


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_is_refused_and_left_as_it_is(home: Home, content: bytes) -> None:
    home.sealing_key.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        home.load_sealing_key()
    assert home.sealing_key.read_bytes() == content


def test_a_key_that_cannot_be_read_is_refused() -> None:
    with reachable_folder() as folder:
        (folder / "sealing.key").write_bytes(b"x" * 32)
        (folder / "sealing.key").chmod(0)
        with ordinary_user(folder, folder / "sealing.key"), pytest.raises(StoreError) as refused:
            Home(folder).load_sealing_key()
    assert refused.value.sentence == f"{folder}/sealing.key can't be used: you may not read it."
    assert refused.value.hint == f"Run: chmod u+rwX {folder}/sealing.key"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user; .ci/run is root and runs it")
@pytest.mark.parametrize("name", ["sealing.key", "handset.key", "copybara.pid"])
def test_a_file_that_belongs_to_another_user_is_named_with_them(name: str) -> None:
    with reachable_folder() as folder:
        (folder / name).write_bytes(b"x" * 32)
        (folder / name).chmod(0o600)
        home = Home(folder)
        load = {"sealing.key": home.load_sealing_key, "handset.key": home.load_handset_key}
        with ordinary_user(folder), pytest.raises(StoreError) as refused:
            load.get(name, HomeLock(home).acquire)()
    assert refused.value.sentence == f"{folder}/{name} can't be used: it belongs to the user root."
    assert refused.value.hint == f"If it should be yours, run: sudo chown nobody {folder}/{name}"


def test_a_key_that_is_read_only_is_read() -> None:
    with reachable_folder() as folder:
        home = Home(folder)
        before = home.load_sealing_key().private_bytes_raw()
        home.sealing_key.chmod(0o400)
        with ordinary_user(folder, home.sealing_key):
            assert home.load_sealing_key().private_bytes_raw() == before


def test_several_that_find_no_key_all_get_the_same(home: Home) -> None:
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def load() -> None:
        start.wait()
        keys.append(home.load_sealing_key().private_bytes_raw())

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_home_is_held_by_one_at_a_time_and_says_by_whom(home: Home) -> None:
    with HomeLock(home), pytest.raises(HomeInUse, match=f"Process {os.getpid()} is already running"), HomeLock(home):
        pass
    with HomeLock(home):
        assert mode(home.lock) == 0o600


def test_a_home_held_by_another_process_is_refused_with_its_number(home: Home, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(HomeInUse, match=f"Process {holder.pid} ") as caught:
        HomeLock(home).acquire()
    assert str(home.folder) in caught.value.sentence
    assert "--home" in caught.value.hint


def test_a_home_is_free_again_when_its_process_ends(home: Home, holder: subprocess.Popen[str]) -> None:
    holder.communicate("")
    assert holder.returncode == 0
    with HomeLock(home):
        assert home.lock.read_text() == f"{os.getpid()}\n"
    assert home.lock.read_text() == ""


def test_the_file_of_a_killed_process_is_no_obstacle(home: Home, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert home.lock.read_text() == f"{holder.pid}\n"
    with HomeLock(home):
        assert home.lock.read_text() == f"{os.getpid()}\n"


def test_whatever_is_in_the_lock_file_is_no_obstacle(home: Home) -> None:
    home.lock.write_bytes(os.urandom(1000))
    with HomeLock(home), pytest.raises(HomeInUse, match=f"Process {os.getpid()} "):
        HomeLock(home).acquire()


def test_a_holder_that_has_not_said_its_number_yet_is_still_in_the_way(home: Home) -> None:
    with HomeLock(home):
        home.lock.write_text("")
        with pytest.raises(HomeInUse, match="Another process"):
            HomeLock(home).acquire()


def test_a_lock_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        HomeLock(Home(tmp_path / "missing")).acquire()


def test_letting_go_twice_is_the_same_as_once(home: Home) -> None:
    lock = HomeLock(home)
    lock.acquire()
    lock.release()
    lock.release()
    with HomeLock(home):
        pass


def test_a_home_that_everybody_could_replace_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for home in (shared / "home", shared / "deeper" / "home"):
        with pytest.raises(StoreError, match="could put another folder in the home's place"):
            Home(home).prepare()
        assert not home.exists()
    shared.chmod(0o1777)  # like /tmp: only its owner may rename a folder in it
    Home(shared / "home").prepare()


def of_group(folder: Path, *, shared: bool) -> Path:
    """A folder that a group may write to. `shared`: the group has members besides us."""
    mains = {user.pw_gid for user in pwd.getpwall() if user.pw_uid not in (0, os.geteuid())}
    ours = pwd.getpwuid(os.geteuid()).pw_name
    groups = [each for each in grp.getgrall() if each.gr_gid and not set(each.gr_mem) - {ours, "root"}]
    group = next(each.gr_gid for each in groups if (each.gr_gid in mains) is shared)
    folder.mkdir()
    os.chown(folder, -1, group)
    folder.chmod(0o775)
    return folder


def test_a_home_that_others_in_a_group_could_replace_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to a group that it isn't in")
    with pytest.raises(StoreError, match="Others in a group could put another folder"):
        Home(of_group(tmp_path / "team", shared=True) / "home").prepare()
    Home(of_group(tmp_path / "own", shared=False) / "home").prepare()


def test_a_home_behind_a_link_that_everybody_could_replace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    (open_folder / "link").symlink_to(tmp_path / "mine")
    open_folder.chmod(0o777)
    with pytest.raises(StoreError, match="could put another folder in the home's place"):
        Home(open_folder / "link").prepare()


def test_a_home_below_another_users_folder_is_refused() -> None:
    with reachable_folder() as folder:
        (folder / "theirs").mkdir()
        (folder / "theirs").chmod(0o755)
        (folder / "theirs" / "home").mkdir(mode=0o700)
        if os.geteuid() != 0:
            pytest.skip("giving a folder away needs root")
        os.chown(folder / "theirs", 1, 1)
        with pytest.raises(StoreError, match="Another user could put"):
            Home(folder / "theirs" / "home").prepare()


def test_without_a_home_folder_and_a_password_entry_it_says_what_to_set() -> None:
    need("unshare")
    unset = {"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", VARIABLE}
    done = subprocess.run(
        # A user namespace in which this process has a user without an entry on the machine.
        ["unshare", "--user", "--map-user=54321", sys.executable, "-m", "bot.cli", "contacts", "list"],
        env={name: value for name, value in os.environ.items() if name not in unset},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "error: There is no folder" in done.stderr
    assert "hint:  Set HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_is_named_needs_no_home_folder(tmp_path: Path) -> None:
    need("unshare")
    unset = {"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", VARIABLE}
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-user=54321", sys.executable, "-m", "bot.cli"),
            *("--home", str(tmp_path / "home"), "card", "--overlay", "loopback", "--json"),
        ],
        env={name: value for name, value in os.environ.items() if name not in unset},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


async def test_nobody_else_can_ever_open_the_command_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with contextlib.suppress(FileNotFoundError):
                seen.add(stat.S_IMODE(path.stat().st_mode))

    async def answer(_: Question) -> Reply:
        return Reply()

    looking = threading.Thread(target=look)
    looking.start()
    before = os.umask(0)
    try:
        for _ in range(200):
            async with listening(path, answer):
                pass
    finally:
        os.umask(before)
        over.set()
        looking.join()
    assert seen <= {0o600}
    async with listening(path, answer):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
