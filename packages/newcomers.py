"""Two people who have nothing yet, on two fresh machines, until they see and hear each other; everything counted.

Bob has the repository and follows the README. Anna gets an invitation from him and follows that. What they type comes
from those two texts, so a command that doesn't work there fails here. A private peer, run by somebody else, carries the
overlay's packets, and Bob agrees that the invitation names it. Each sits at a real Chromium, whose camera and
microphone are made up.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from packages.systems.debian import OWN_CERTIFICATES, copy_of, install
from packages.systems.machine import Machine, machine
from packages.systems.started import started
from packages.systems.terminal import Answer, Terminal
from tests.browser.chromium import Browser, PageView, browser
from tests.network.namespaces import Hosts, Namespace, three_hosts

REPOSITORY = Path(__file__).parents[1]
NAME = "copybara-relay"

PEER_ADDRESS = "203.0.113.7"
"Where everybody reaches the private peer: what Bob's line says has to be true for Anna."

PEER_PORT = 12345

AUTHORITY = "server.crt"

SERVE = """
import functools, http.server, ssl, sys
folder, certificate, key = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(("", 443), handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""
"A server of files by https."

BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^  (\S.*)$", re.MULTILINE)
CARD = re.compile(r"^copybara:\S+$", re.MULTILINE)
PAGE = re.compile(r"http://127\.0\.0\.1:\d+/\S*")

USER_ID = 1000
AS_USER = """
for each; do case $each in --user-data-dir=*) chown -R {user} "${{each#*=}}";; esac; done
exec setpriv --reuid={user} --regid={user} --clear-groups --pdeathsig KILL env HOME={home} "$0" "$@"
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took one person."""

    commands: tuple[str, ...]
    "Typed at the shell's prompt."

    edits: int
    "Files opened in an editor."

    answers: tuple[str, ...]
    "Questions that a command asked, and that a key or a word answers."

    pastes: int
    "Something copied from elsewhere: into a terminal, or into the page."

    seconds: float
    "The machine's time: what they waited for commands, and for the call from the click until sound and picture came."

    slowest: tuple[str, ...]
    "What it went into, such as `copybara setup: 41 s`."


@dataclass(frozen=True, slots=True)
class Walk:
    """Both of them."""

    reader: Effort
    "Bob, who follows the README."

    friend: Effort
    "Anna, who follows the invitation."


class Person:
    """Somebody at a machine, with a terminal and a browser."""

    def __init__(self, name: str, at: Machine, peer: str) -> None:
        self.name = name
        self.machine = at
        self.pastes = 0
        self.page = PageView(None)
        self._terminals: list[Terminal] = []
        self._seconds = 0.0
        self._waits: list[tuple[str, float]] = []
        self._answers = {
            # apt's. Nobody asks for sudo's password: see systems/debian.py.
            r"Do you want to continue\? \[Y/n\] ": Answer(""),
            r"What do you want\?(.|\n)*Which one\? \[1\] ": Answer(""),
            r"Go on\?[^\n]* \[yes\] ": Answer(""),
            r"Who carries your packets\?(.|\n)*Which one\? \[1\] ": Answer("2"),
            r"The line, such as [^\n]*: ": Answer(peer, pasted=True),
            r"Your name, as your friends will see it\?[^\n]*\) ": Answer(name),
            r"Who carries the links[^\n]*\?(.|\n)*Which one\? \[1\] ": Answer(""),
            # Whatever else it offers, such as a messenger: not now.
            r"\n[^\n]*[?:]( \([^)\n]*\))*( \[[^\]\n]*\])? $": Answer(""),
        }

    def terminal(self) -> Terminal:
        """A new window."""
        self._terminals.append(self.machine.log_in())
        return self._terminals[-1]

    async def follow(self, commands: Iterable[str], folder: str = "~") -> None:
        """Type commands one after the other, those of `copybara` in a new terminal; `copybara start` opens the page."""
        window = self.terminal()
        if folder != "~":
            await asyncio.to_thread(window.enter, folder)
        for command in commands:
            if command.startswith("copybara") and window is self._terminals[-1] and not self._starts_anew:
                window = self.terminal()
                self._starts_anew = True
            if command == "copybara start":
                self.page_address = await asyncio.to_thread(self._start, window)
            else:
                await asyncio.to_thread(window.type, command, self._answers)

    _starts_anew = False
    page_address = ""

    def _start(self, window: Terminal) -> str:
        window.begin("copybara start")
        written = window.timed_until(PAGE.pattern + r"\s")
        found = PAGE.search(written)
        assert found is not None
        return found[0]

    def waited(self, seconds: float, what: str) -> None:
        """Seconds at the page."""
        self._seconds += seconds
        self._waits.append((what, seconds))

    def effort(self) -> Effort:
        """What it was until now."""
        answered = [each for window in self._terminals for each in window.answered]
        waits = [*(each for window in self._terminals for each in window.waits), *self._waits]
        return Effort(
            commands=tuple(command for window in self._terminals for command in window.commands),
            edits=0,
            answers=tuple(question.strip().splitlines()[-1] for question, answer in answered if not answer.pasted),
            pastes=self.pastes + sum(answer.pasted for _, answer in answered),
            seconds=self._seconds + sum(window.seconds for window in self._terminals),
            slowest=tuple(f"{what}: {seconds:.0f} s" for what, seconds in waits),
        )

    def close(self) -> None:
        """Close all windows."""
        for window in self._terminals:
            window.close()


async def walk(release: str, folder: Path) -> Walk:
    """From nothing to sound and picture on both sides. Raises what fails on the way."""
    async with AsyncExitStack() as stack:
        hosts = await stack.enter_async_context(three_hosts())
        peer = await stack.enter_async_context(_peer(release, hosts, folder))
        repositories = await stack.enter_async_context(_git_server(hosts, folder))
        people = []
        for name, host in (("Anna", hosts.a), ("Bob", hosts.b)):
            at = await stack.enter_async_context(machine(release, host, folder / name))
            await host.run("ip", "route", "add", PEER_ADDRESS, "via", str(host.wire.far_address))
            shutil.copy(folder / AUTHORITY, at.root / OWN_CERTIFICATES.relative_to("/"))
            await at.run("update-ca-certificates")
            people.append(Person(name, at, peer))
            stack.callback(people[-1].close)
        anna, bob = people
        # Anyone who has a clone has git.
        await bob.machine.run("sh", "-c", "apt-get update -q && apt-get install -q -y --no-install-recommends git")

        clone = f"git clone --quiet {repositories.format(address=hosts.b.wire.far_address)} {NAME}"
        await bob.machine.as_user(clone)
        await bob.follow(_from_readme(), folder=NAME)
        # The page has a button for it.
        address = repositories.format(address=hosts.a.wire.far_address)
        invitation = await bob.machine.as_user(f"copybara invite --peer --from {address}")
        await anna.follow(INDENTED.findall(invitation))
        card = CARD.search(invitation)
        assert card is not None
        try:
            await _talk(stack, anna, bob, card[0], folder)
        except Exception as error:
            for person in (anna, bob):
                error.add_note(f"{person.name}'s page says: {await person.page.page.inner_text('body')}")
                await person.page.page.screenshot(path=folder / f"{person.name}.png")
            raise
        return Walk(reader=bob.effort(), friend=anna.effort())


def _from_readme() -> list[str]:
    """The commands of the README's sections Install and Start, in their order."""
    text = (REPOSITORY / "README.md").read_text()
    found = []
    for section in ("## Install\n", "## Start\n"):
        part = text.partition(section)[2].partition("\n## ")[0]
        (block, *_) = BLOCK.findall(part)
        found += block.splitlines()
    return found


async def _talk(stack: AsyncExitStack, anna: Person, bob: Person, card: str, folder: Path) -> None:
    """Anna calls by Bob's card; the links go to and fro as they would in a chat; both see and hear."""
    clock = asyncio.get_running_loop().time
    for person in (anna, bob):
        window = await stack.enter_async_context(_browser(person.machine.host, folder / f"{person.name}-browser"))
        person.page = await window.open(person.page_address)
        await person.page.heard("hello")

    # By the card that came with the invitation: it is saved, under the name on it, and called.
    began = clock()
    anna.pastes += 1
    await anna.page.place(card)
    await anna.page.press("Save contact")
    await anna.page.click(anna.page.page.get_by_role("button", name=f"Video call to {bob.name}"))
    request = await _link(anna)
    anna.waited(clock() - began, "card, call, link")

    began = clock()
    bob.pastes += 1
    await bob.page.place(request)
    await bob.page.call("ringing")
    await bob.page.answer()
    response = await _link(bob)
    bob.waited(clock() - began, "link, answer")

    began = clock()
    anna.pastes += 1
    await anna.page.page.locator("#answer-text").fill(response)
    await anna.page.press("Connect")
    await asyncio.gather(*(person.page.receives("audio", "video") for person in (anna, bob)))
    for person in (anna, bob):
        person.waited(clock() - began, "answer to sound and picture")
    status = json.loads(await bob.machine.as_user("copybara status --json"))
    (call,) = status["calls"]
    assert call["video_packets_received"], call
    assert call["remote"].startswith("["), call


async def _link(person: Person) -> str:
    """The link that the page shows to be sent."""
    await person.page.shows("Copy link")
    return str((await person.page.heard("link"))["link"]["text"])


@asynccontextmanager
async def _browser(host: Namespace, folder: Path) -> AsyncIterator[Browser]:
    """A Chromium of this machine's, on that host and as the user there: the page belongs to one user."""
    folder.mkdir()
    os.chown(folder, USER_ID, USER_ID)

    def on(*program: str | Path) -> list[str]:
        return host.command("sh", "-c", AS_USER.format(user=USER_ID, home=folder), *program)

    async with browser(folder, on) as window:
        yield window


@asynccontextmanager
async def _peer(release: str, hosts: Hosts, folder: Path) -> AsyncIterator[str]:
    """The private peer on R, as docs/overlays.md has it; the line that Bob pastes."""
    await hosts.r.run("ip", "address", "add", PEER_ADDRESS, "dev", "lo")
    with copy_of(release, folder / "peer") as root:
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        await asyncio.to_thread(install, root, "yggdrasil")
        made = subprocess.run(
            ["chroot", root, "yggdrasil", "-genconf", "-json"], capture_output=True, text=True, check=True
        )
        settings = json.loads(made.stdout) | {
            "Listen": [f"tls://{PEER_ADDRESS}:{PEER_PORT}"],
            "MulticastInterfaces": [],
            "AdminListen": "none",
            "IfName": "none",
        }
        (root / "etc" / "peer.json").write_text(json.dumps(settings))
        # The second half of a private key of Ed25519, as Go writes it.
        key = settings["PrivateKey"][64:]
        command = ("chroot", str(root), "yggdrasil", "-useconffile", "/etc/peer.json")
        async with started(hosts.r.command(*command), ready=b"listener started"):
            yield f"tls://{PEER_ADDRESS}:{PEER_PORT}?key={key}"


@asynccontextmanager
async def _git_server(hosts: Hosts, folder: Path) -> AsyncIterator[str]:
    """Where people get the program: what is committed here, by https. The address, without the machine's.

    AUTHORITY in `folder` is whom their machines have to trust for it.
    """
    served = folder / "repositories"
    served.mkdir()
    # As files in one pack: any server of files will do then.
    subprocess.run(["git", "clone", "--quiet", "--no-local", "--bare", REPOSITORY, served / NAME], check=True)
    subprocess.run(["git", "-C", served / NAME, "update-server-info"], check=True)
    names = ",".join(f"IP:{host.wire.far_address}" for host in (hosts.a, hosts.b))
    made = ("-keyout", folder / "server.key", "-out", folder / AUTHORITY, "-addext", f"subjectAltName={names}")
    new = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=R")
    subprocess.run(["openssl", "req", *new, *made], stderr=subprocess.DEVNULL, check=True)
    command = (sys.executable, "-c", SERVE, str(served), str(folder / AUTHORITY), str(folder / "server.key"))
    async with started(hosts.r.command(*command), ready=b"ready"):
        yield f"https://{{address}}/{NAME}"
