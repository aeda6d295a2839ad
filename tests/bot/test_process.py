"""Starts and ends of the program: started twice, interrupted, killed, with damaged files and broken pipes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from bot.process.ending import INTERRUPTED
from bot.terminal.texts import AT_ONCE
from tests.bot.console import (
    SECONDS,
    Person,
    as_before,
    cli,
    connect,
    environment_of_a_person,
    hang_up,
    people,
    ring,
)
from tests.peer.overlay.staex_service import listening
from tests.peer.sockets import sockets_of
from tests.written_files import until_written

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOP_SECONDS = 10.0
"How long the end of a program may take."


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def started(friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Person]]:
    async with people(tmp_path_factory.mktemp("process"), "anna", "bob", homes=friends) as both:
        yield both


@pytest_asyncio.fixture(loop_scope="module")
async def pair(started: list[Person]) -> AsyncIterator[list[Person]]:
    """Anna and bob, paired and running. A test may end them in any way."""
    yield started
    await as_before(*started)


async def ends(person: Person, number: signal.Signals) -> None:
    """Check that the program ends properly after a signal, whatever is going on."""
    before = time.monotonic()
    assert await person.signalled(number) == 0
    assert time.monotonic() - before < STOP_SECONDS
    person.check()


async def killed(person: Person) -> None:
    """Kill the program, without any chance to clean up."""
    assert await person.signalled(signal.SIGKILL) == -signal.SIGKILL


def home_of(friends: Path, tmp_path: Path, name: str = "bob") -> Path:
    return Path(shutil.copytree(friends / name, tmp_path / name))


async def test_a_second_start_with_the_same_home_names_the_first(pair: list[Person]) -> None:
    anna, _ = pair
    code, out, err = await anna.cli("run", "--console", "--json")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: Process {anna.process.pid} is already running with the home {anna.home}.\nhint:")
    await anna.in_order()


async def test_a_damaged_database_is_set_aside_and_nothing_is_overwritten(friends: Path, tmp_path: Path) -> None:
    home = home_of(friends, tmp_path)
    database = home / "copybara.db"
    damaged = b"SQLite format 3\0" + random.Random(1).randbytes(20_000)
    database.write_bytes(damaged)
    code, out, err = await cli("--home", str(home), "run", "--console", "--json")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: The database {database} is damaged. It was set aside as copybara.db.damaged-")
    assert "\nhint: " in err
    (aside,) = home.glob("copybara.db.damaged-*")
    assert aside.read_bytes() == damaged
    assert aside.name in err
    for _ in range(2):
        code, out, err = await cli("--home", str(home), "contacts", "list", "--json")
        assert (code, out, err) == (0, "[]\n", "")
    assert aside.read_bytes() == damaged


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (b'name = "Bob"\noverlay = loopback\n', "line 2: "),
        (b'overlay = "loopback"\n\n[calls]\nlifetme = 60\n', "line 4: there is no setting calls.lifetme."),
        (b'overlay = "loopback"\n[calls]\nat_once = 17\n', "line 3: calls.at_once is 17."),
        (b'overlay = "loopback"\nname = "B\xf6b"\n', "line 2: this isn't UTF-8 text."),
    ],
    ids=["no TOML", "unknown key", "wrong value", "Latin-1"],
)
async def test_an_unreadable_configuration_names_the_line(
    friends: Path, tmp_path: Path, config: bytes, expected: str
) -> None:
    home = home_of(friends, tmp_path)
    (home / "copybara.toml").write_bytes(config)
    code, out, err = await cli("--home", str(home), "run", "--console")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {home / 'copybara.toml'}, {expected}")
    assert "\nhint: " in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_idle_program_ends_when_it_is_told_to(pair: list[Person], number: signal.Signals) -> None:
    for person in pair:
        await ends(person, number)
        assert not (person.home / "control.sock").exists()


async def test_a_callee_who_stops_while_it_rings_is_busy(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    await ends(bob, signal.SIGINT)
    assert (await anna.call("ended"))["reason"] == "remote-busy"


async def test_a_caller_who_stops_while_it_rings_takes_the_call_back(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    await ends(anna, signal.SIGTERM)
    assert (await bob.call("ended"))["reason"] == "remote-cancelled"


async def test_a_callee_who_stops_while_it_connects_ends_in_time(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    await killed(anna)
    bob.write("/answer")
    await bob.call("connecting")
    await ends(bob, signal.SIGINT)
    assert bob.calls[-1]["reason"] == "stopped"


@pytest.mark.parametrize("stops", ["caller", "callee"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_whoever_stops_during_a_call_hangs_up(pair: list[Person], stops: str, number: signal.Signals) -> None:
    anna, bob = pair
    await connect(anna, bob)
    one, other = (anna, bob) if stops == "caller" else (bob, anna)
    await ends(one, number)
    assert one.name in await other.told(kind=Kind.ENDED)
    assert (await other.call("ended"))["reason"] == "remote-hung-up"
    assert one.calls[-1]["reason"] == "stopped"


async def test_whoever_stops_at_the_moment_of_connecting_hangs_up(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    bob.write("/answer")
    await bob.call("connecting")
    await ends(bob, signal.SIGTERM)
    assert (await anna.call("ended"))["reason"] in ("remote-hung-up", "remote-busy")


async def test_pressing_ctrl_c_twice_does_no_harm(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob)
    bob.process.send_signal(signal.SIGINT)
    await ends(bob, signal.SIGINT)
    await anna.call("ended", reason="remote-hung-up")


async def test_whoever_presses_ctrl_c_again_does_not_wait_for_the_goodbye(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob)
    anna.process.send_signal(signal.SIGSTOP)  # bob would wait until she has heard that he hangs up
    try:
        async with asyncio.timeout(SECONDS):
            while bob.process.returncode is None:
                bob.process.send_signal(signal.SIGINT)
                await asyncio.sleep(0.02)  # as somebody who keeps pressing: what comes too soon is the same press
        assert await bob.gone() == INTERRUPTED
        assert AT_ONCE in bob.errors
    finally:
        anna.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(("command", "code"), [("run", 0), ("card", INTERRUPTED)])
async def test_ctrl_c_ends_the_wait_for_an_overlay_that_says_nothing(tmp_path: Path, command: str, code: int) -> None:
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    async with listening(say_nothing) as api:
        (home / "copybara.toml").write_text(f'overlay = "staex"\n[staex]\napi = "{api}"\n')
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "--home", str(home), command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of_a_person(),
        )
        async with asyncio.timeout(SECONDS):
            await asked.wait()
            before = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert time.monotonic() - before < STOP_SECONDS
    assert (process.returncode, out, err.decode()) == (code, b"", "\nStopped.\n" if code else "")


@pytest.mark.parametrize("file", ["copybara.pid", "copybara.db", "control.sock"])
async def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(tmp_path: Path, file: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(tmp_path / "home"), "run", "--console"),
        *("--overlay", "loopback"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment_of_a_person(),
    )
    await until_written(tmp_path / "home", (tmp_path / "home" / file).exists)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert process.returncode in (0, 130)
    assert err.decode() == ("\nStopped.\n" if process.returncode else "")


async def test_the_end_of_the_input_ends_the_program_and_its_calls(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob)
    assert anna.process.stdin is not None
    anna.process.stdin.close()
    assert await anna.gone() == 0
    assert (await bob.call("ended"))["reason"] == "remote-hung-up"


async def test_the_last_message_before_the_end_of_the_input_is_acted_on(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    code, out, err = await cli(*home, "run", "--console", "--json", "--overlay", "loopback", stdin=b'{"from":"owner",')
    assert (code, err) == (0, "")
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["ready", "error"]
    code, out, err = await cli(*home, "run", "--console", "--overlay", "loopback", stdin=b"/contacts")
    assert (code, err) == (0, "")
    assert out.endswith("You have no contacts yet. With a friend's card: /contact add CARD\n")


async def test_a_reader_who_goes_away_ends_nothing(pair: list[Person], friends: Path, tmp_path: Path) -> None:
    home = home_of(friends, tmp_path, "carol")
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home), "run", "--console", "--json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=environment_of_a_person(),
    )
    os.close(writing)
    await until_written(home, (home / "control.sock").exists)
    os.close(reading)
    assert process.stdin is not None
    for _ in range(3):
        process.stdin.write(b'{"from": "owner", "text": "/help"}\n')
    code, out, _ = await cli("--home", str(home), "status", "--json")
    assert code == 0
    assert json.loads(out)["calls"] == []
    process.terminate()
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_a_reader_who_does_not_read_holds_up_nothing(friends: Path, tmp_path: Path) -> None:
    home = home_of(friends, tmp_path, "carol")
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home), "run", "--console", "--json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=environment_of_a_person(),
    )
    os.close(writing)
    assert process.stdin is not None
    # More than fits into a pipe (64 KiB).
    process.stdin.write(b'{"from": "owner", "text": "/help"}\n' * 500)
    await process.stdin.drain()
    await until_written(home, (home / "control.sock").exists)
    code, out, _ = await cli("--home", str(home), "call", "bob", "--json")
    assert code == 0
    assert json.loads(out)["posts"]
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    os.close(reading)
    assert (process.returncode, err) == (0, b"")
    assert time.monotonic() - before < STOP_SECONDS


async def test_whoever_was_killed_in_a_call_and_is_back_can_call_again(pair: list[Person]) -> None:
    anna, bob = pair
    with anna.store() as annas, bob.store() as bobs:
        old = {annas.writable_secret(bob.id), bobs.writable_secret(anna.id)}
        await connect(anna, bob)
        await until_written(anna.home, lambda: annas.writable_secret(bob.id) not in old)
        await until_written(bob.home, lambda: bobs.writable_secret(anna.id) not in old)
    await killed(bob)
    await bob.begin()
    assert "anna" in await bob.told(kind=Kind.REJOINING)
    await asyncio.gather(anna.call("active"), bob.call("active"))
    await hang_up(bob, anna)
    await connect(bob, anna)
    await hang_up(bob, anna)
    await connect(anna, bob)
    await hang_up(anna, bob)


async def test_whoever_was_killed_in_a_call_can_be_called_again(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob)
    await killed(anna)
    assert "anna" in await bob.asked("/call anna", kind="error.in-call")
    bob.write("/hangup")
    await bob.call("ended", reason="hung-up")
    await anna.begin()
    await connect(bob, anna)
    await hang_up(anna, bob)
    await ends(anna, signal.SIGTERM)
    await anna.begin()
    assert await anna.after("/help") != []
    assert not any("killed" in line.get("text", "") for line in anna.said[-4:])


@pytest.mark.parametrize("seed", range(3))
async def test_a_kill_while_the_two_agree_on_a_new_secret_costs_neither_the_old_nor_the_new_one(
    pair: list[Person], seed: int
) -> None:
    chance = random.Random(seed)
    one, other = chance.sample(pair, 2)
    await ring(one, other)
    other.write("/answer")
    victim = chance.choice(pair)
    await victim.call("active")
    # Nothing shows what happens in the other process meanwhile, so the moment is random.
    await asyncio.sleep(chance.uniform(0, 0.03))
    await killed(victim)
    survivor = one if victim is other else other
    await victim.begin()
    await asyncio.gather(survivor.calm(), victim.calm())
    for caller, callee in chance.sample([(victim, survivor), (survivor, victim)], 2):
        link = await connect(caller, callee)
        assert len(link["token"]) == 64
        await asyncio.gather(caller.media(), callee.media())
        await hang_up(caller, callee)


async def test_a_kill_while_two_contacts_agree_on_their_first_secret_leaves_them_able_to_call(tmp_path: Path) -> None:
    async with people(tmp_path, "dora", "emil") as (dora, emil):
        await dora.asked(f"/contact add emil {emil.node}", kind=Kind.CONTACT_SAVED)
        await emil.asked(f"/contact add dora {dora.node}", kind=Kind.CONTACT_SAVED)
        await ring(dora, emil)
        emil.write("/answer")
        await emil.call("active")
        await killed(emil)
        await emil.begin()
        await asyncio.gather(dora.calm(), emil.calm())
        for caller, callee in ((emil, dora), (dora, emil)):
            await connect(caller, callee)
            await asyncio.gather(caller.media(), callee.media())
            await hang_up(caller, callee)
        assert len((await connect(dora, emil))["token"]) == 64


@pytest.mark.parametrize("victim", ["dora", "emil"])
async def test_a_kill_at_the_moment_of_connecting_skips_no_pairing_once_the_call_is_up_again(
    tmp_path: Path, victim: str
) -> None:
    async with people(tmp_path, "dora", "emil") as (dora, emil):
        await dora.asked(f"/contact add emil {emil.node}", kind=Kind.CONTACT_SAVED)
        await emil.asked(f"/contact add dora {dora.node}", kind=Kind.CONTACT_SAVED)
        await ring(dora, emil)
        emil.write("/answer")
        person = dora if victim == "dora" else emil
        await person.call("active")
        await killed(person)
        await person.begin()
        await person.told(kind=Kind.REJOINING)
        with dora.store() as doras, emil.store() as emils:
            await until_written(dora.home, lambda: doras.writable_secret(emil.id) is not None)
            await until_written(emil.home, lambda: emils.writable_secret(dora.id) is not None)
            assert doras.writable_secret(emil.id) == emils.writable_secret(dora.id)
        await hang_up(person, emil if person is dora else dora)
        assert len((await connect(emil, dora))["token"]) == 64


async def test_a_killed_program_leaves_nothing_that_keeps_the_next_one_from_starting(pair: list[Person]) -> None:
    anna, _ = pair
    for _ in range(2):
        await killed(anna)
        assert (anna.home / "control.sock").exists()
        await anna.begin()
    assert await anna.status()


async def test_how_long_a_start_takes(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    async with people(tmp_path, "anna") as (anna,):
        await ends(anna, signal.SIGTERM)
        before = time.monotonic()
        await anna.begin()
        seconds = time.monotonic() - before
        record_property("seconds from the start to ready", round(seconds, 3))
        assert not [socket for socket in sockets_of(anna.process.pid) if socket[0].startswith("udp")]
