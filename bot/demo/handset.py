"""`copybara demo --handset`: a node with a handset page and two contacts to call, all on this machine.

The contacts are separate programs: one sends back what it gets, the other sends a test picture and a tone. They have
never had a first call. Instead, the three homes are made with the pair secrets that such a call would leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bot.browser import open_page
from bot.command_socket import AskPage, ask
from bot.demo.node import VARIABLE, DemoNode, Said
from bot.home import Home
from peer.overlay.loopback import LoopbackOverlay
from shared.contacts import Contact, Trust
from shared.errors import DemoFailed
from shared.store import Store
from shared.store.secrets import SECRET_BYTES

OWNER = "you"

CONTACTS = ("echo", "pattern")
"Each has the name of the media endpoint that answers its calls."

OWN_CONFIG = '[answer]\nendpoint = "handset"\n'


def demo_handset(*, as_json: bool, opens: bool) -> int:
    """Run until Ctrl-C. Raises DemoFailed if a program doesn't start, or ends early."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_demo(as_json=as_json, opens=opens))
    if not as_json:
        _print("The demo has ended, and nothing of it is left.\n")
    return 0


async def _demo(*, as_json: bool, opens: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="copybara-demo-") as folder:
        chat = _Chat(Path(folder), quiet=as_json)
        await chat.befriend()
        try:
            if not as_json:
                _print("Starting three programs on this machine, some seconds: yours, an echo and a test picture …\n")
            await asyncio.gather(*(person.start() for person in chat.people))
            address = chat.owner.handset
            if address is None:
                raise DemoFailed("The page isn't there.")
            _say(address, as_json)
            if opens:
                # Other users can see a browser's command line, so this address works once and doesn't contain the key.
                once = await asyncio.to_thread(ask, Home(chat.owner.home).command_socket, AskPage())
                await asyncio.to_thread(open_page, once.page)
            await _until_stopped(chat)
        finally:
            await asyncio.gather(*(person.stop() for person in chat.people if person.started))


class _Chat:
    """The owner's conversation with both contacts. What one posts, the others read."""

    def __init__(self, folder: Path, *, quiet: bool) -> None:
        self.owner = DemoNode(OWNER, folder / OWNER, self._heard, config=OWN_CONFIG, environment={VARIABLE: "1"})
        self.contacts = [
            DemoNode(
                name, folder / name, self._heard, config=f'[answer]\nendpoint = "{name}"\n[handset]\nenabled = false\n'
            )
            for name in CONTACTS
        ]
        self._quiet = quiet
        self._shown: dict[str, str] = {}

    @property
    def people(self) -> list[DemoNode]:
        """All three people."""
        return [self.owner, *self.contacts]

    async def befriend(self) -> None:
        """Add each to the other's contact book, with a shared secret."""
        for person in self.people:
            person.prepare()
        for contact in self.contacts:
            secret = secrets.token_bytes(SECRET_BYTES)
            await _know(self.owner, contact, secret, Trust.RING)
            await _know(contact, self.owner, secret, Trust.AUTO)

    def _heard(self, node: DemoNode, said: Said) -> None:
        if said["type"] == "post" and said["to"] == "chat":
            for person in self.people:
                if person is not node:
                    person.write(said["text"], sender=node.name)
        elif said["type"] == "call" and node is self.owner and not self._quiet:
            self._show(said)

    def _show(self, call: dict[str, Any]) -> None:
        ending = f" ({call['reason']})" if call["reason"] else ""
        line = f"call with {call['with']}: {call['state']}{ending}\n"
        if self._shown.get(call["with"]) != line:
            self._shown[call["with"]] = line
            sys.stdout.write(line)
            sys.stdout.flush()


async def _know(person: DemoNode, other: DemoNode, secret: bytes, trust: Trust) -> None:
    node = await LoopbackOverlay(other.home).node_id()
    now = int(time.time())
    with Store(Home(person.home).database) as store:
        store.save_contact(Contact(name=other.name, node=node, trust=trust, created=now))
        store.propose_secret(node, secret, now)
        store.commit_secret(node, secret)


async def _until_stopped(chat: _Chat) -> None:
    """Wait for Ctrl-C, or for the owner's program to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    stopped = asyncio.create_task(stopping.wait())
    ended = [asyncio.create_task(person.ended()) for person in chat.people]
    done, waiting = await asyncio.wait([stopped, *ended], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if stopped not in done:
        raise DemoFailed("One of the programs ended unexpectedly.")


def _say(address: str, as_json: bool) -> None:
    if as_json:
        _print(json.dumps({"type": "ready", "handset": address, "contacts": list(CONTACTS)}) + "\n")
    else:
        _print(
            f"The page: {address}\n\n"
            "Call echo, and you see and hear yourself. Call pattern, and you see moving colour bars and hear a tone.\n"
            "Everything stays on this machine. Ctrl-C ends.\n\n"
        )


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
