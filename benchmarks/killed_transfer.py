"""A large file in a call, with kill -9 of the sender and of the receiver in the middle of it."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.sent_file import MEGABYTE, PATIENCE, fill, is_done, is_running, megabytes, sha256
from bot.kinds import Kind
from tests.bot.console import Person, befriend, connect, hang_up, people

NAME = "killed-transfer"
ROUNDS = 1
MEGABYTES = 1000
"Of the file: in `COPYBARA_BENCH_FILE_MB` for another size."


class Faulty(Exception):
    """What arrived isn't what was sent, or something is left of it."""


def measure(rounds: int = ROUNDS, usual: int = MEGABYTES) -> Figure:
    """Between two programs on loopback. Raises Faulty."""
    return asyncio.run(_measure(rounds, megabytes(usual)))


async def _measure(rounds: int, size: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as name:
        path = Path(name) / "large.bin"
        fill(path, size * MEGABYTE)
        # There is room for the file once, and hardly more: what is on its way must not count twice.
        config = f'[answer]\nendpoint = "pattern"\n[files]\nfolder_mb = {size + size // 10 + 1}\n'
        async with people(Path(name), "anna", "bob", config=config) as (anna, bob):
            await befriend(anna, bob)
            await bob.asked("/contact files anna always", kind=Kind.CONTACT_FILES)
            killed, whole = await interleaved_tasks(
                rounds, lambda: _transfer(anna, bob, path, kills=True), lambda: _transfer(anna, bob, path, kills=False)
            )
    return Figure(
        NAME,
        f"A file of {size} MB in a call",
        (
            Row(
                "seconds, sender and receiver killed once each",
                Samples.of(killed),
                "neither killed",
                Samples.of(whole),
                "s",
            ),
        ),
    )


async def _transfer(anna: Person, bob: Person, path: Path, *, kills: bool) -> float:
    """Seconds from the first byte to the checked file. What was there when somebody was killed isn't sent again."""
    size, before = os.stat(path).st_size, len(bob.said)
    await connect(anna, bob, "audio")
    anna.write(f"/send {path}")
    await bob.until(is_running, PATIENCE)
    began = time.monotonic()
    if kills:
        for person, least in ((anna, size // 3), (bob, 2 * size // 3)):
            await bob.until(partial(is_running, least=least), PATIENCE)
            await person.signalled(signal.SIGKILL)
            here = max(int(said["done"]) for said in bob.said[before:] if is_running(said))
            await person.begin()
            again = await bob.until(lambda said: is_running(said) and said["resumed"], PATIENCE)
            if again["resumed"] < here:
                raise Faulty(f"{person.name} was killed after {here} bytes, and it went on after {again['resumed']}.")
    done = await bob.until(is_done, PATIENCE)
    lasted = time.monotonic() - began
    await anna.told(kind=Kind.FILE_DELIVERED)
    await _check(path, Path(done["path"]))
    await hang_up(anna, bob)
    return lasted


async def _check(sent: Path, arrived: Path) -> None:
    left = {file for file in arrived.parent.rglob("*") if file.is_file()} - {arrived}
    if left:
        raise Faulty(f"{left} is left of it.")
    if await asyncio.to_thread(sha256, sent) != await asyncio.to_thread(sha256, arrived):
        raise Faulty("What arrived isn't what was sent.")
    os.unlink(arrived)
