"""Real programs for tests: `copybara run --console --json`, each with its own home, and the chat between them.

A test waits for what a program writes, never for time to pass. To see that a program stays silent, a test gives it a
harmless command: messages are answered in the order in which they were written, so the answer comes last.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.command_socket import AskStatus, ask
from bot.demo.node import DemoNode, Said
from bot.home import Home
from bot.kinds import Kind
from shared.errors import DemoFailed
from shared.node_id import NodeId
from shared.store import Store
from tests import preloaded
from tests.bot.program import PreloadedNode

SECONDS = 60.0
"How long anything may take on a slow machine before a test gives up."

LOOK_SECONDS = 0.05

MEDIA = ("audio", "video")

_probes = itertools.count(1)


class Person(PreloadedNode):
    """A running copybara, its owner, and everything that it has written."""

    def __init__(self, name: str, folder: Path, chat: Chat, *, config: str = "") -> None:
        """`folder` has the homes of all people. `config` is added to the configuration."""
        super().__init__(name, folder / name, self._wrote)
        self.chat = chat
        self.said: list[Said] = []
        "Every line of its stdout, in all its runs."

        self._config = config
        self._errors = folder / f"{name}.stderr"
        chat.people.append(self)

    async def begin(self, *options: str) -> None:
        """Start the program with the configuration in its home, and wait until it is ready."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        answer = "" if "[answer]" in self._config else '[answer]\nendpoint = "pattern"\n'
        (self.home / "copybara.toml").write_text(f'name = "{self.name}"\noverlay = "loopback"\n{self._config}{answer}')
        self.calls.clear()
        with self._errors.open("ab") as errors:
            await self.start(*options, errors=errors)

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The last process that was started."""
        assert self._process is not None
        return self._process

    @property
    def running(self) -> bool:
        """Whether the program is running, as far as we know."""
        return self.started and self.process.returncode is None

    @property
    def id(self) -> NodeId:
        """Its node id."""
        return NodeId.parse(self.node)

    @property
    def errors(self) -> str:
        """Its whole stderr."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    def store(self) -> Store:
        """Its store, opened beside the running program."""
        return Store(Home(self.home).database)

    async def until(self, wanted: Callable[[Said], bool], seconds: float = SECONDS) -> Said:
        """See DemoNode. If the line doesn't come, the error shows what was written instead."""
        try:
            return await super().until(wanted, seconds)
        except DemoFailed as failed:
            last = "\n".join(map(str, self.said[-12:]))
            raise AssertionError(f"{failed.sentence} It wrote last:\n{last}\n{self.errors}") from None

    async def told(self, containing: str = "", *, kind: str = "") -> str:
        """The next sentence to its owner that contains a text and, if given, has that kind."""
        return str((await self.posted("owner", containing, kind=kind))["text"])

    async def asked(self, text: str, containing: str = "", *, kind: str = "") -> str:
        """Write as its owner. Returns the answer that contains a text and, if given, has that kind."""
        self.write(text)
        return await self.told(containing, kind=kind)

    async def after(self, text: str, *, sender: str = "owner") -> list[Said]:
        """Deliver a message. Returns all lines that were written until the next message was answered."""
        return await self.after_all([(sender, text)])

    async def after_all(self, messages: list[tuple[str, str]]) -> list[Said]:
        """Deliver several messages, each a sender and a text. Returns all lines until the next message was answered."""
        await self.in_order()
        before = len(self.said)
        for sender, text in messages:
            self.write(text, sender=sender)
        last = await self.in_order()
        return list(itertools.takewhile(lambda said: said.get("text") != last, self.said[before:]))

    async def file(self, wanted: Callable[[Said], bool]) -> Said:
        """The next report of a file that is `wanted`. Waits without limit while more and more of the file arrives."""
        before = -1

        def goes_on(said: Said) -> bool:
            return said["type"] == "file" and (wanted(said) or said["done"] > before)

        while not wanted(report := await self.until(goes_on)):
            before = report["done"]
        return report

    async def in_order(self) -> str:
        """Wait until everything that was written to it has been carried out. Returns the last answer."""
        nobody = f"nobody-{next(_probes)}"
        return await self.asked(f"/contact show {nobody}", nobody, kind="error.name-not-found")

    async def says_more(self, than: int) -> None:
        """Wait until it has written more lines than `than`, and take none of them."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.said) > than or self._silent)

    async def media(self, kinds: tuple[str, ...] = MEDIA) -> Said:
        """Wait until packets of all `kinds` have arrived. Returns that report."""
        return await self.until(
            lambda said: said["type"] == "call" and all(said[f"{kind}_packets_received"] for kind in kinds)
        )

    async def status(self) -> dict[str, Any]:
        """The output of `copybara status --json`, without a separate process."""
        answer = await asyncio.to_thread(ask, Home(self.home).command_socket, AskStatus())
        assert answer.status is not None
        return answer.status

    async def until_status(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for the status until it is as wanted. Counts make no message, so the test polls."""
        async with asyncio.timeout(SECONDS):
            while not wanted(status := await self.status()):  # noqa: ASYNC110 -- there is no event for a count
                await asyncio.sleep(LOOK_SECONDS)
        return status

    async def hears_more(self, other: str = "") -> None:
        """Wait until more sound has arrived in the call with somebody, or in the only one."""
        before = sound_in(await self.status(), other)
        await self.until_status(lambda status: sound_in(status, other) > before + 10)

    async def cli(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        """Run another `copybara` with the same home."""
        return await cli("--home", str(self.home), *arguments, stdin=stdin)

    async def calm(self) -> None:
        """End all calls of this program."""
        await self.in_order()
        async with asyncio.timeout(SECONDS):
            while calls := [call for call in (await self.status())["calls"] if call["state"] != "ended"]:
                self.write(f"/hangup {calls[0]['node']}")
                await self.call("ended")
        # One that has ended is there until it is in the log.
        await self.until_status(lambda status: not status["calls"])

    async def signalled(self, number: signal.Signals, seconds: float = 60.0) -> int:
        """Send a signal. Returns the exit code once the program has ended and all its output was read."""
        self.process.send_signal(number)
        return await self.gone(seconds)

    async def gone(self, seconds: float = 60.0) -> int:
        """The exit code, once the program has ended and all its output was read."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            assert self._reading is not None
            await self._reading
        return code

    def secrets(self) -> list[bytes]:
        """Everything in the home that no output may contain."""
        home = Home(self.home)
        if not home.database.exists():
            return []
        with self.store() as store:
            kept = [secret for _, secret in store.readable_secrets()]
            kept += [call.secret for call in store.running_calls() if call.secret]
        return [*kept, home.sealing_key.read_bytes()]

    def check(self, more: Iterable[bytes] = ()) -> None:
        """Check that the program's output has no traceback and no secret, neither of its home nor of `more`."""
        assert "Traceback" not in self.errors, self.errors
        assert "exception" not in self.errors.lower(), self.errors
        written = self.errors + json.dumps(self.said, ensure_ascii=False)
        for secret in (*self.secrets(), *more):
            for form in forms(secret):
                assert form not in written

    def _wrote(self, _: DemoNode, said: Said) -> None:
        self.said.append(said)
        if said["type"] == "post" and said["to"] == "chat":
            self.chat.posted(self, said)


class Chat:
    """A conversation. What one program posts in it, the others read, unless the chat is held up."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.posts: list[tuple[Person, Said]] = []
        self.held = False
        "Whether posts wait for `deliver`."

    def posted(self, writer: Person, said: Said) -> None:
        """Take what a program has posted."""
        self.posts.append((writer, said))
        if not self.held:
            self.deliver(writer, said["text"])

    def deliver(self, writer: Person, text: str) -> None:
        """Give a message to everybody but its writer."""
        for person in self.people:
            if person is not writer and person.running:
                person.write(text, sender=writer.name)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold posts up during the block. They are listed and not delivered."""
        self.held = True
        try:
            yield
        finally:
            self.held = False


def call_in(status: Mapping[str, Any], other: str = "") -> dict[str, Any]:
    """The one call that a status shows, or the one with somebody."""
    (call,) = [call for call in status["calls"] if other in ("", call["with"])]
    return dict(call)


def sound_in(status: Mapping[str, Any], other: str = "") -> int:
    """How many packets of sound have come in that call."""
    return int(call_in(status, other)["audio_packets_received"])


@contextlib.asynccontextmanager
async def people(
    folder: Path,
    *names: str,
    homes: Path | None = None,
    config: str = "",
    configs: Mapping[str, str] | None = None,
    chat: Chat | None = None,
    options: Sequence[str] = (),
    kind: type[Person] | None = None,
) -> AsyncIterator[list[Person]]:
    """Running programs that share a chat. Their homes are those with their names in `homes`, if these exist.

    `config` is for everybody, `configs` are by name and come before it. `options` are added to the command lines.
    `kind` is the class of the people. However the block ends, the programs end too, and their output is checked.
    """
    chat = chat or Chat()
    everybody = [(kind or Person)(name, folder, chat, config=(configs or {}).get(name, config)) for name in names]
    for person in everybody:
        if homes is not None and (homes / person.name).exists() and not person.home.exists():
            shutil.copytree(homes / person.name, person.home)
    try:
        await asyncio.gather(*(person.begin(*options) for person in everybody))
        yield everybody
        for person in everybody:
            if person.running:
                assert await person.signalled(signal.SIGTERM) == 0
            person.check()
    finally:
        for person in everybody:
            chat.people.remove(person)
            if person.running:
                person.process.kill()
                await person.gone()


async def befriend(caller: Person, callee: Person) -> None:
    """A first contact of two strangers. Both save the other under their name."""
    caller.write(f"/call {callee.node}")
    await callee.told(kind=Kind.STRANGER_RINGS)
    callee.write("/answer")
    await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (caller, callee)))
    for person, other in ((caller, callee), (callee, caller)):
        await person.asked(f"/contact add {other.name}", kind=Kind.CONTACT_SAVED)
        while "one is enough" not in await person.asked(f"/contact show {other.name}", kind=Kind.CONTACT_DETAILS):
            pass
    await hang_up(caller, callee)


async def as_before(*everybody: Person) -> None:
    """Start the programs that a test has left ended, and end the calls that it has left."""
    for person in everybody:
        if not person.running:
            await person.begin()
        await person.calm()


async def ring(caller: Person, callee: Person, media: str = "") -> Said:
    """Call a contact until it rings there. Returns the link."""
    caller.write(f"/call {callee.name} {media}")
    link = await caller.posted("chat")
    await callee.told(caller.name, kind=Kind.RINGS)
    return link


async def connect(caller: Person, callee: Person, media: str = "", answer: str = "/answer") -> Said:
    """Call a contact, who answers by hand, until the call is active on both sides. Returns the link."""
    link = await ring(caller, callee, media)
    callee.write(answer)
    await asyncio.gather(*(person.call("active") for person in (caller, callee)))
    return link


async def hang_up(first: Person, second: Person) -> tuple[Said, Said]:
    """End the call on the first side. Returns the last reports of both sides."""
    first.write("/hangup")
    return await first.call("ended", reason="hung-up"), await second.call("ended", reason="remote-hung-up")


async def cli(
    *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None, seconds: float = SECONDS
) -> tuple[int, str, str]:
    """Run `copybara` without loading its imports again. Returns its exit code, stdout and stderr."""
    with tempfile.TemporaryFile() as errors:
        variables = {**environment_of_a_person(), **(environment or {})}
        program = await preloaded.start(arguments, variables, errors.fileno())
        try:
            async with asyncio.timeout(seconds):
                out = await program.communicate(stdin)
        finally:
            if program.returncode is None:
                program.kill()
            code = await program.wait()
        errors.seek(0)
        return code, out.decode(), errors.read().decode()


def environment_of_a_person() -> dict[str, str]:
    """Our environment without variables for tests: unbuffered output would hide a flush that fails.

    LINES and COLUMNS come from readline, which sets them where it is used.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in ("PYTHONUNBUFFERED", "COPYBARA_HOME", "COLUMNS", "LINES"):
        environment.pop(name, None)
    return environment


def forms(secret: bytes) -> list[str]:
    """The forms in which bytes may appear in text."""
    encoded = base64.b64encode(secret).decode().rstrip("=")
    return [secret.hex(), encoded, encoded.translate(str.maketrans("+/", "-_")), repr(secret)[2:-1]]
