"""No, and no answer at all, at the questions of `copybara setup`: it says what is kept, what not, and how to go on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli.setup import KEPT, LEFT
from bot.cli.setup.yggdrasil.install import DO_LATER
from shared.config.file import load
from tests.bot.setup.test_asked import TRIES, Terminal, answered, set_up
from tests.bot.setup.test_install_yggdrasil import SYSTEMCTL, pretended_systemctl
from tests.peer.own_namespace import need

pytestmark = pytest.mark.slow

NAME = r"Your name, as your friends will see it\?.*\) "
CARRIER = r"Who carries the links(.|\n)*Which one\? \[1\] "
TOKEN = r"The token of your own Telegram bot.*\) "
SOUND = r"Try microphone, speaker and camera now\? \(yes/no\) \[yes\] "

STOPS = pytest.mark.parametrize("stop", [Terminal.ends, Terminal.interrupts], ids=["Ctrl-D", "Ctrl-C"])


@STOPS
@pytest.mark.parametrize(
    ("answers", "last"), [((), NAME), (((NAME, "Anna"),), CARRIER), (((NAME, "Anna"), (CARRIER, "2")), TOKEN)]
)
async def test_who_stops_hears_whether_anything_is_kept_and_how_to_go_on(
    tmp_path: Path, stop: Callable[[Terminal], None], answers: tuple[tuple[str, str], ...], last: str
) -> None:
    async with set_up(tmp_path, *TRIES, code=1) as terminal:
        for question, answer in answers:
            await terminal.asks(question, answer)
        await terminal.shows(last)
        stop(terminal)
        said = await terminal.shows(r"hint: .*\n")
    assert "error: You stopped.\n" in said
    assert f"hint:  {KEPT}\n" in said, "the network, and what else was answered"
    assert load(tmp_path / "copybara.toml").name == ("Anna" if answers else "")


@STOPS
async def test_who_stops_in_one_part_is_sent_there_again(tmp_path: Path, stop: Callable[[Terminal], None]) -> None:
    (tmp_path / "copybara.toml").write_text('overlay = "loopback"\n')
    async with set_up(tmp_path, "telegram", code=1) as terminal:
        await terminal.shows(TOKEN)
        stop(terminal)
        said = await terminal.shows(r"hint: .*\n")
    assert f"error: You stopped. {LEFT}\nhint:  Run `copybara setup telegram` again.\n" in said
    assert (tmp_path / "copybara.toml").read_text() == 'overlay = "loopback"\n'


@STOPS
async def test_a_try_that_is_stopped_costs_nothing(tmp_path: Path, stop: Callable[[Terminal], None]) -> None:
    (tmp_path / "copybara.toml").write_text('overlay = "loopback"\n[handset]\nenabled = false\n')
    async with set_up(tmp_path, *TRIES, "--name", "Anna") as terminal:
        await terminal.asks(CARRIER, "")
        await terminal.shows(SOUND)
        stop(terminal)
        said = await terminal.shows(r"copybara setup overlay")
        assert "You stopped. To try that later: copybara setup sound\n\nNext:\n" in said
    assert load(tmp_path / "copybara.toml").name == "Anna"


WITHIN_A_LOOP = """
import asyncio
from bot.terminal.asking import Answers, Asking, Stopped
async def ask():
    Asking(Answers()).yes("Did you hear them?", default=True)
try:
    asyncio.run(ask())
except Stopped as stopped:
    print(stopped.sentence)
"""


async def test_ctrl_c_ends_a_question_that_is_asked_within_an_event_loop(tmp_path: Path) -> None:
    async with answered(sys.executable, "-c", WITHIN_A_LOOP) as terminal:
        await terminal.shows(r"Did you hear them\? \(yes/no\) \[yes\] ")
        terminal.interrupts()
        await terminal.shows(r"You stopped\.\n")


INSIDE = """
ip link set lo up
cp -a /etc {folder}/etc
rm -rf {folder}/etc/yggdrasil {folder}/etc/copybara
mount --bind {folder}/etc /etc
mount -t tmpfs none /run
mkdir /run/yggdrasil
export PATH={folder}:$PATH HOME={folder}
while read -r number < {folder}/next; do
    {python} -m bot.cli --home {folder}/home$number setup
    echo "ended $number with $?"
done
"""

NONE = r"1  Start Yggdrasil(.|\n)*Which one\? \[1\] "
PEERS = r"Who carries your packets\?(.|\n)*Which one\? \[1\] "
LINE = r"The line, such as .*\(empty: choose again\): "
GO_ON = r"Go on\? \(yes, no, or s to see the commands\) \[yes\] "
PEER = "tls://127.0.0.1:1"

RUNS: tuple[tuple[list[tuple[str, str | None]], int, str], ...] = (
    # What is answered, in its order; None: Ctrl-D. Then how it ends, and what is said in the end.
    ([(NONE, None)], 1, f"You stopped. {LEFT}"),
    ([(NONE, "2"), (NAME, ""), (CARRIER, "")], 0, f"Next:\n{DO_LATER}\n"),
    ([(NONE, "1"), (PEERS, None)], 1, f"You stopped. {LEFT}"),
    ([(NONE, "1"), (PEERS, "2"), (LINE, None)], 1, f"You stopped. {LEFT}"),
    ([(NONE, "1"), (PEERS, "2"), (LINE, PEER), (GO_ON, None)], 1, f"You stopped. {LEFT}"),
    (
        [(NONE, "1"), (PEERS, "2"), (LINE, ""), (PEERS, "3"), (GO_ON, "no"), (NAME, ""), (CARRIER, "")],
        0,
        f"Next:\n{DO_LATER}\n",
    ),
    ([(NONE, "1"), (PEERS, "2"), (LINE, PEER), (GO_ON, ""), (NAME, None)], 1, KEPT),
)


@pytest.mark.timeout(300)
async def test_no_at_each_question_about_the_network_leads_on(tmp_path: Path) -> None:
    need("unshare", "yggdrasil", "yggdrasilctl", "nft", "apt-get", "ip", "mount")
    pretended_systemctl(tmp_path, SYSTEMCTL.format(folder=tmp_path))
    inside = INSIDE.format(folder=tmp_path, python=sys.executable)
    following = tmp_path / "next"
    os.mkfifo(following)
    spaces = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
    async with answered(*spaces, "sh", "-c", inside) as terminal:
        for number, (answers, code, end) in enumerate(RUNS):
            await asyncio.to_thread(following.write_text, f"{number}\n")
            for question, answer in answers:
                await terminal.shows(question)
                if answer is None:
                    terminal.ends()
                else:
                    terminal.types(answer)
            said = await terminal.shows(rf"ended {number} with \d+\n")
            assert f"ended {number} with {code}\n" in said, said
            assert end in said
            assert (tmp_path / "etc" / "yggdrasil").exists() is (number == len(RUNS) - 1), "only what was agreed to"
        kept = load(tmp_path / f"home{len(RUNS) - 1}" / "copybara.toml")
        assert kept.yggdrasil.private_peers == PEER
        await asyncio.to_thread(following.write_text, "")
