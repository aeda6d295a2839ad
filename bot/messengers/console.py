"""A chat on stdin and stdout: to try the program, for scripts, and to carry links by hand through any messenger."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import msgspec

from bot.conversation import Capabilities, HandsetPage, IncomingMessage, Listener, Post, readable
from bot.kinds import STATES, Kind
from bot.terminal.line_writer import LineWriter
from bot.terminal.streams import READABLE, as_wide_as
from bot.terminal.texts import left_out, own_address, send_this, where_to_talk, written
from bot.terminal.wrapping import NEWS
from bot.texts.chat import shown, with_commands
from peer.calls.files.report import report as file_report
from peer.calls.files.transfer import Transfer
from peer.calls.line import Line
from peer.calls.line_records import report as line_report
from peer.media import PATTERN
from shared.call.table import State
from shared.errors import InputError, kind_of
from shared.not_json import NOT_JSON

OWNER = "owner"
CHAT = "chat"
"The name of the conversation on the console."

MAX_LINE = 64 * 1024
"The longest line of input in bytes. A longer line is refused."

LINES_WAITING = 64
"How many lines of input are read ahead. A program that writes more has to wait."


class InputLine(msgspec.Struct, frozen=True):
    """`{"from": "owner" | "<who>", "text": "…"}`"""

    sender: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = msgspec.field(name="from")
    text: str = ""


class Console:
    """One conversation on a pair of streams.

    As plain text, everything typed is the owner's, and posts are printed for people. As JSON, each line is an object.
    Its sender can be anybody, so that a script can carry a chat between two consoles.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        says_where_to_talk: bool = False,
        source: int | None = None,
        sink: int | None = None,
    ) -> None:
        """`says_where_to_talk`: while no page is open, a test picture answers calls, and the first such call says so.

        `source` and `sink` are file descriptors that replace stdin and stdout.
        """
        # A program, not a person, carries lines of JSON.
        self.capabilities = Capabilities(at_terminal=True, private=True, by_hand=not as_json, rings_again=False)
        self._as_json = as_json
        self._says_where_to_talk = says_where_to_talk
        # Threads may hold the locks of the buffered files, which would block the exit. Descriptors have no locks.
        self._source = sys.stdin.fileno() if source is None else source
        self._sink = sink
        self._writer = LineWriter(sys.stdout.fileno() if sink is None else sink, self._left_out)
        # Scripts read UTF-8. A person reads their terminal's encoding.
        self._encoding = "utf-8" if as_json else sys.stdout.encoding or "utf-8"
        self._page: HandsetPage | None = None
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(LINES_WAITING)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read and write in threads: calls must not wait for a slow reader, and stdin may be a file."""
        # The exit would wait for a thread of the loop's executor.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_all, args=(loop,), name="stdin", daemon=True).start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._writer.drain)

    async def run(self, listener: Listener) -> None:
        """Pass every line of input to the listener, one after the other, until the input ends."""
        while (line := await self._lines.get()) is not None:
            self._room.release()
            if len(line) > MAX_LINE:
                self._complain(f"A line of more than {MAX_LINE // 1024} KiB is no message. I read nothing of it.")
                continue
            message = self._message(line.decode(self._encoding, "replace"))
            if message is not None:
                await listener.hear(message)

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Say that links can now be read and calls can be made, and where the handset page is."""
        self._page = handset
        address = handset.address if handset else None
        if self._as_json:
            self._put({"type": "ready", "kind": Kind.READY, "node": node, "handset": address})
            return
        page = [f"Your page: {address}"] if address else []
        first_steps = "Type /help for what I can do, or paste a link. Ctrl-C ends."
        self._print(*map(self._news, (*notices, own_address(node), *page, first_steps)), "")

    def handles(self, chat: str) -> bool:
        """Whether the conversation is the console's."""
        return chat == CHAT

    def post(self, post: Post) -> None:
        """Write one message."""
        text = with_commands(post, self._page.address if self._page else None)
        if self._as_json:
            file = {"file": str(post.file)} if post.file else {}
            self._put({"type": "post", "kind": post.kind, "to": post.to, "text": text, "token": post.token, **file})
        elif post.to == "chat":
            self._print(f"┌ {send_this(post.kind)}", f"│ {text}", "└")
        elif post.kind == Kind.TEXT:
            self._print(*map(self._news, written(text)))
        else:
            self._print(*map(self._news, text.splitlines()))

    def call_changed(self, line: Line) -> None:
        """As JSON, write a call's state. People read it in the posts."""
        if self._as_json:
            self._put({"type": "call", "kind": STATES[line.call.state], **line_report(line)})
        up = line.call.state is State.ACTIVE and line.shown.endpoint == PATTERN
        if up and self._says_where_to_talk and self._page is not None:
            self._says_where_to_talk = False
            self.post(Post("owner", where_to_talk(self._page.address)))

    def file_changed(self, line: Line, transfer: Transfer) -> None:
        """As JSON, write a file's state. People read it in the posts."""
        if self._as_json:
            self._put({"type": "file", **file_report(line.label, transfer)})

    def _message(self, line: str) -> IncomingMessage | None:
        if not line.strip():
            return None
        if not self._as_json:
            return IncomingMessage(line.strip(), OWNER, from_owner=True)
        try:
            said = msgspec.json.decode(line, type=InputLine)
        except NOT_JSON:
            self._complain(f'Not a line like {{"from": "owner", "text": "…"}}: {shown(line, 80)}')
            return None
        return IncomingMessage(readable(said.text), said.sender, from_owner=said.sender == OWNER)

    def _complain(self, text: str) -> None:
        """Report a line of input that can't be read."""
        if self._as_json:
            self._put({"type": "error", "kind": kind_of(InputError), "text": text})
        else:
            self._print(text)

    def _put(self, value: dict[str, object]) -> None:
        self._writer.put(msgspec.json.encode(value) + b"\n")

    def _print(self, *lines: str) -> None:
        self._writer.put("".join(f"{line}\n" for line in lines).encode(self._encoding, READABLE))

    def _news(self, line: str) -> str:
        return as_wide_as(sys.stdout, line, at_least=NEWS) if self._sink is None else line

    def _left_out(self, lines: int) -> bytes:
        text = left_out(lines)
        if self._as_json:
            return msgspec.json.encode({"type": "error", "kind": Kind.OUTPUT_LOST, "text": text}) + b"\n"
        return f"{text}\n".encode()

    def _read_all(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            for line in _lines(self._source):
                self._room.acquire()
                loop.call_soon_threadsafe(self._lines.put_nowait, line)
            loop.call_soon_threadsafe(self._lines.put_nowait, None)


def _lines(source: int) -> Iterator[bytes]:
    """Yield the lines of a descriptor as they come.

    Of a line longer than MAX_LINE, only the first MAX_LINE + 1 bytes.
    """
    pending, skipping = b"", False
    while data := _read(source):
        *whole, pending = (pending + data).split(b"\n")
        for line in whole:
            if not skipping:
                yield line[: MAX_LINE + 1]
            skipping = False
        if len(pending) > MAX_LINE:
            if not skipping:
                yield pending[: MAX_LINE + 1]
            pending, skipping = b"", True
    if pending and not skipping:
        yield pending


def _read(source: int) -> bytes:
    try:
        return os.read(source, MAX_LINE)
    except OSError:  # the terminal has gone
        return b""
