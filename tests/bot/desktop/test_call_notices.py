"""Calls as notifications: what the desktop should show, and what happens after its replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message

from bot.cli.doctor.desktop import calls
from bot.conversation import Act, Action
from bot.desktop import call_notices
from bot.desktop import notification_server as server_side
from bot.desktop.call_notices import CallNotices
from bot.texts import chat
from bot.texts import desktop as texts
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.news import Changed, Rings
from shared.call.table import Call, EndReason, State
from shared.config.schema import Config, DesktopSettings
from shared.contacts import Contact, Trust
from shared.errors import CopybaraError, InCall, NoNotifications
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.secrets.handshake import Role
from shared.store import Store
from tests.bot.desktop.session import EVERYTHING, NAME, PATH, SECONDS, connected, notification_server, session_bus
from tests.endless import Endless
from tests.noticed import noticed
from tests.shared.store.ordinary_user import NOBODY, reachable_folder

NODE = NodeId(bytes(range(32)))

HOSTILE = "<b>anna</b>&amp;<img src='x'>\N{RIGHT-TO-LEFT OVERRIDE}\n\x1b[31m" + "x" * 5000


def line(
    state: State = State.RINGING,
    reason: EndReason | None = None,
    *,
    name: str | None = "anna",
    media: Media = Media.BOTH,
    proven: bool = True,
    node: NodeId = NODE,
) -> Line:
    call = Call(Role.CALLEE, paired=True, state=state, reason=reason)
    link = CallLink(node, media, created=0, reference=bytes(8), keyed=True, proven=proven)
    return Line(7, call, link, chat="chat", expires=600, shown=Presented(name))


class Program:
    """The notices of a program, and what they make it do."""

    def __init__(self, notices: CallNotices, store: Store) -> None:
        self.notices, self.store = notices, store
        self.acts: asyncio.Queue[tuple[Act, str]] = asyncio.Queue()
        self.opened: asyncio.Queue[str] = asyncio.Queue()
        self.fails: CopybaraError | None = None

    def rings(self, **values: Any) -> None:
        self.notices.told(line(**values), Rings(Reason.ASK))

    def becomes(self, state: State, reason: EndReason | None = None, **values: Any) -> None:
        self.notices.told(line(state, reason, **values), Changed())

    async def act(self, action: Action, chat: str) -> None:
        self.acts.put_nowait((action.act, chat))
        if self.fails is not None:
            raise self.fails

    async def acted(self) -> tuple[Act, str]:
        async with asyncio.timeout(SECONDS):
            return await self.acts.get()

    async def open_page(self, token: str) -> None:
        self.opened.put_nowait(token)

    async def page(self) -> str:
        async with asyncio.timeout(SECONDS):
            return await self.opened.get()


@pytest.fixture
async def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with session_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@contextlib.asynccontextmanager
async def running(folder: Path, settles_seconds: float) -> AsyncIterator[Program]:
    """A running program with anna among its contacts. A choice counts once its notification has settled."""
    with Store(folder / "store.db") as store:
        store.save_contact(Contact(name="anna", node=NODE, trust=Trust.RING, created=0))
        notices = CallNotices(store, has_page=True, sound=True, settles_seconds=settles_seconds)
        program = Program(notices, store)
        showing = asyncio.create_task(program.notices.run(program.act, program.open_page))
        try:
            yield program
        finally:
            showing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await showing


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """One in which a choice counts, however early it comes."""
    async with running(tmp_path, settles_seconds=0.0) as program:
        yield program


async def test_a_call_that_rings_is_shown_with_what_can_be_done(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        program.rings()
        shown = await server.shown()
        assert (shown.app, shown.summary) == ("Copybara Relay", "anna is calling with video")
        assert shown.body.startswith("In your contacts.")
        assert shown.actions == (
            *("answer", "Answer"),
            *("answer-audio", "Answer with audio only"),
            *("decline", "Decline"),
            *("default", "Open the page"),
        )
        assert (shown.hints["urgency"], shown.hints["category"]) == (2, "call.incoming")
        assert shown.hints["desktop-entry"] == "copybara-relay"
        assert shown.timeout == 0


async def test_a_call_without_video_is_answered_one_way(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        program.rings(media=Media.AUDIO)
        shown = await server.shown()
        assert shown.summary == "anna is calling"
        assert shown.actions[::2] == ("answer", "decline", "default")


def test_a_call_without_the_contacts_key_says_so_in_the_line_that_every_desktop_shows() -> None:
    contact = Contact(name="anna", node=NODE, created=0, trust=Trust.AUTO)
    summary, body = texts.rings(line(proven=False), contact)
    assert summary == "Someone is calling with video as anna, without your key"
    assert "trust" not in body
    for reason in (EndReason.MISSED, EndReason.REMOTE_CANCELLED):
        over = line(State.ENDED, reason, proven=False)
        assert "doesn't have the key you share" in texts.missed(over)[0]
        assert "doesn't have the key you share" in chat.ended(over).text
        assert "key" not in chat.ended(line(State.ENDED, reason)).text


@pytest.mark.parametrize("state", [State.CONNECTING, State.ACTIVE])
async def test_a_call_that_is_answered_elsewhere_goes(bus: str, program: Program, state: State) -> None:
    async with notification_server(bus) as server:
        program.rings()
        shown = await server.shown()
        program.becomes(state)
        assert await server.closed() == shown.number
        assert server.nothing_more


@pytest.mark.parametrize("reason", [EndReason.MISSED, EndReason.REMOTE_CANCELLED])
async def test_a_missed_call_stays(bus: str, program: Program, reason: EndReason) -> None:
    async with notification_server(bus) as server:
        program.rings()
        ringing = await server.shown()
        program.becomes(State.ENDED, reason)
        assert await server.closed() == ringing.number
        missed = await server.shown()
        assert (missed.summary, missed.hints["category"]) == ("You missed a call from anna", "call.unanswered")
        assert missed.hints["urgency"] == 1
        program.rings()
        again = await server.shown()
        program.becomes(State.ENDED, reason)
        # There is one for each caller, and the newest stays.
        assert {await server.closed(), await server.closed()} == {again.number, missed.number}
        server.choose(await server.shown(), "default")
        assert await program.page() == ""


async def test_all_strangers_share_one_notification_of_what_was_missed(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        before = 0
        for number in range(1, 4):
            stranger = NodeId(bytes([number] * 32))
            program.rings(name=None, node=stranger)
            ringing = await server.shown()
            program.becomes(State.ENDED, EndReason.MISSED, name=None, node=stranger)
            gone = {await server.closed(), *({await server.closed()} if before else ())}
            assert gone == {ringing.number, before} - {0}
            missed = await server.shown()
            before = missed.number
        assert missed.summary == "You missed 3 calls from people who aren't in your contacts"


async def test_what_is_too_much_to_be_remembered_leaves_the_desktop(bus: str, program: Program) -> None:
    shown: list[int] = []
    async with notification_server(bus) as server:
        for number in range(call_notices.MAX_MISSED + 1):
            contact = NodeId(bytes([100 + number] * 32))
            program.store.save_contact(Contact(name=f"c{number}", node=contact, trust=Trust.RING, created=0))
            program.rings(node=contact)
            ringing = await server.shown()
            program.becomes(State.ENDED, EndReason.MISSED, node=contact)
            assert await server.closed() == ringing.number
            shown.append((await server.shown()).number)
        assert await server.closed() == shown[0]


async def test_a_declined_call_leaves_nothing(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        program.rings()
        server.choose(await server.shown(), "decline")
        assert await program.acted() == (Act.DECLINE, "chat")
        program.becomes(State.ENDED, EndReason.DECLINED)
        program.rings()
        assert (await server.shown()).number == 2
        assert program.opened.empty()


@pytest.mark.parametrize("act", [Act.ANSWER, Act.ANSWER_AUDIO])
async def test_an_answer_answers_and_opens_the_page(bus: str, program: Program, act: Act) -> None:
    async with notification_server(bus) as server:
        program.rings()
        server.choose(await server.shown(), act, token="window-1")
        assert await program.acted() == (act, "chat")
        assert await program.page() == "window-1"


async def test_an_answer_that_fails_says_why_and_the_call_goes_on_ringing(bus: str, program: Program) -> None:
    program.fails = InCall("There is a call with bob already.", "End it first.")
    async with notification_server(bus) as server:
        program.rings()
        server.choose(await server.shown(), "answer")
        shown = {each.summary: each for each in (await server.shown(), await server.shown())}
        assert shown["There is a call with bob already."].body == "End it first."
        assert shown["anna is calling with video"].actions
        assert program.opened.empty()


async def test_what_is_chosen_before_anybody_can_have_read_it_counts_for_nothing(bus: str, tmp_path: Path) -> None:
    async with notification_server(bus) as server, running(tmp_path, settles_seconds=3600.0) as program:
        program.rings()
        for _ in range(3):
            server.choose(await server.shown(), "answer")
        await server.shown()
        assert program.acts.empty()


async def test_a_call_that_has_lost_its_proof_is_shown_again_before_it_is_answered(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        ringing = line()
        program.notices.told(ringing, Rings(Reason.ASK))
        shown = await server.shown()
        assert shown.summary == "anna is calling with video"
        ringing.loses_proof(keyed=True)
        server.choose(shown, "answer")
        shown = await server.shown()
        assert shown.summary == "Someone is calling with video as anna, without your key"
        assert program.acts.empty()
        server.choose(shown, "answer")
        assert await program.acted() == (Act.ANSWER, "chat")


async def test_what_a_server_cant_do_is_left_out(bus: str, program: Program) -> None:
    async with notification_server(bus, capabilities=()) as server:
        program.rings()
        shown = await server.shown()
        assert (shown.body, shown.actions) == ("", ())


@pytest.mark.parametrize("markup", [True, False])
async def test_names_are_text_and_nothing_else(bus: str, program: Program, markup: bool) -> None:
    capabilities = ("actions", "body", *(("body-markup",) if markup else ()))
    async with notification_server(bus, capabilities) as server:
        program.fails = CopybaraError(HOSTILE, HOSTILE)
        program.rings(name=HOSTILE)
        shown = await server.shown()
        assert len(shown.summary) < 500
        server.choose(shown, "decline")
        # The call still rings, and the reason is beside it.
        shown = next(each for each in (await server.shown(), await server.shown()) if not each.actions)
        for text in (shown.summary, shown.body):
            assert not set("\n\x1b\N{RIGHT-TO-LEFT OVERRIDE}") & set(text)
            assert len(text) < 3000
        assert ("<" in shown.body, "&lt;b&gt;" in shown.body) == (not markup, markup)


async def test_only_the_server_is_believed(bus: str, program: Program) -> None:
    async with notification_server(bus) as server, connected(bus) as other:
        program.rings()
        shown = await server.shown()
        for to in (None, server.program):
            forged = Message.new_signal(PATH, NAME, "ActionInvoked", "us", [shown.number, "answer"])
            forged.destination = to
            other.send(forged)
        await other.call(Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus.Peer", "Ping"))
        for member, signature, body in (
            ("ActionInvoked", "us", [shown.number + 1, "answer"]),
            ("ActionInvoked", "us", [shown.number, "no such action" * 100]),
            ("ActionInvoked", "su", ["answer", shown.number]),
            ("NotificationClosed", "s", ["x"]),
            ("ActivationToken", "us", [shown.number, "x" * 100_000]),
        ):
            server.signal(member, signature, body)
        server.choose(shown, "decline")
        assert await program.acted() == (Act.DECLINE, "chat")
        assert program.acts.empty()


async def test_a_flood_of_choices_opens_one_page(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        program.rings()
        shown = await server.shown()
        for _ in range(200):
            server.signal("ActionInvoked", "us", [shown.number, "default"])
        server.choose(shown, "decline")
        assert await program.acted() == (Act.DECLINE, "chat")
        assert 0 < program.opened.qsize() < 100


async def test_another_server_shows_the_call_that_still_rings(bus: str, program: Program) -> None:
    async with notification_server(bus) as first:
        program.rings()
        await first.shown()
    async with notification_server(bus) as second:
        server_choice = await second.shown()
        second.choose(server_choice, "answer")
        assert await program.acted() == (Act.ANSWER, "chat")


@contextlib.asynccontextmanager
async def until_logged(words: str) -> AsyncIterator[None]:
    """Wait at the end of the block until the notices have logged these words."""
    call_notices.logger.setLevel(logging.INFO)
    try:
        with noticed(call_notices.logger, words) as seen:
            yield
            async with asyncio.timeout(SECONDS):
                await seen.wait()
    finally:
        call_notices.logger.setLevel(logging.NOTSET)


async def test_a_server_that_comes_late_shows_it(bus: str, program: Program) -> None:
    async with until_logged("ServiceUnknown"):
        program.rings()
    async with notification_server(bus) as server:
        assert (await server.shown()).summary == "anna is calling with video"


async def test_a_server_that_hangs_costs_its_notification(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        server.answers = False
        async with until_logged("doesn't answer"):
            program.rings()
        server.answers = True
        program.becomes(State.ACTIVE)
        program.rings()
        assert (await server.shown()).summary


BEGUN = b"OK " + b"0" * 32 + b"\r\nAGREE_UNIX_FD\r\n"
HUGE = b"l\x02\x00\x01" + (2**27 - 256).to_bytes(4, "little") + b"\x01\0\0\0" + b"\x10\0\0\0" + bytes(16)


@pytest.mark.parametrize(
    ("begin", "again", "said"),
    [
        (b"", b"", "doesn't answer"),
        (BEGUN, b"", "doesn't answer"),
        (b"", b"a" * 5000, "can't be reached"),
        (b"DATA \x1b[31m\r\n" * 100, b"", "can't be reached"),
        (BEGUN, b"l", "can't be reached"),
        (BEGUN + HUGE, bytes(5000), "can't be reached"),
    ],
    ids=["silent", "silent after its greeting", "a line without end", "a text of its own", "no messages", "too much"],
)
async def test_a_bus_that_says_nothing_or_anything_costs_no_more_than_notifications(
    tmp_path: Path, begin: bytes, again: bytes, said: str
) -> None:
    answer = Endless(begin, again, waits=True)
    path = tmp_path / "bus"
    async with await asyncio.start_unix_server(answer, path), asyncio.timeout(SECONDS):
        with pytest.raises(NoNotifications, match=said) as raised:
            async with server_side.notification_server(f"unix:path={path}", seconds=1.0):
                pass
        await answer.over.wait()
    assert raised.value.sentence.isprintable()
    assert len(raised.value.sentence) < 100


async def test_a_server_that_answers_nonsense_costs_its_notification(bus: str, program: Program) -> None:
    async with notification_server(bus) as server:
        server.capabilities = "nonsense"
        program.rings()
        assert await server.asked() == "GetCapabilities"
        program.becomes(State.ACTIVE)
        server.capabilities = []
        program.rings()
        assert (await server.shown()).summary


async def test_a_bus_that_goes_and_comes_back_costs_no_more(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        async with session_bus(tmp_path) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            async with notification_server(address) as server:
                program.rings()
                await server.shown()
                program.becomes(State.ACTIVE)
                await server.closed()


async def test_without_a_bus_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    caplog.set_level(logging.INFO)
    with Store(tmp_path / "store.db") as store:
        notices = CallNotices(store, has_page=True, sound=True)
        program = Program(notices, store)
        for _ in range(3):
            notices.told(line(), Rings(Reason.ASK))
            notices.told(line(State.ACTIVE), Changed())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await notices.run(program.act, program.open_page)
    assert [record.getMessage() for record in caplog.records] == [
        "notifications: There is no session bus: the desktop shows no calls."
    ]


async def test_without_a_bus_nothing_is_kept_of_calls_that_are_over(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line has its session, with everything that carried media.

    Without a desktop, a computer would run out of memory.
    """
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    rang = line()
    forgotten = asyncio.Event()
    weakref.finalize(rang, forgotten.set)
    program.notices.told(rang, Rings(Reason.ASK))
    del rang
    program.becomes(State.ACTIVE)
    async with asyncio.timeout(SECONDS):
        await forgotten.wait()


@pytest.mark.parametrize("capabilities", [EVERYTHING, ()])
async def test_doctor_says_who_shows_calls(bus: str, capabilities: tuple[str, ...]) -> None:
    async with notification_server(bus, capabilities):
        check = await asyncio.to_thread(calls, Config())
    assert check is not None
    assert check.detail.startswith("tests 1 shows calls that ring, with")
    assert ("without" in check.detail) == (not capabilities)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; .ci/run is root and runs it")
async def test_a_bus_of_another_user_is_shown_nothing() -> None:
    """At an abstract address, or in /tmp, anybody can take the place of a session that is over."""
    with reachable_folder() as folder:
        os.chown(folder, NOBODY, NOBODY)
        async with session_bus(folder, user=NOBODY) as address:
            with pytest.raises(NoNotifications, match="another user"):
                async with server_side.notification_server(address):
                    pass


async def test_doctor_says_that_nobody_does(bus: str) -> None:
    check = await asyncio.to_thread(calls, Config())
    assert check is not None
    assert (check.ok, check.note, "ServiceUnknown" in check.detail) == (True, True, True)
    assert calls(Config(desktop=DesktopSettings(notify=False))) is None


async def test_when_the_program_ends_nothing_rings_any_more(tmp_path: Path, bus: str) -> None:
    async with notification_server(bus) as server:
        with Store(tmp_path / "other.db") as store:
            program = Program(CallNotices(store, has_page=True, sound=True), store)
            running = asyncio.create_task(program.notices.run(program.act, program.open_page))
            program.rings()
            shown = await server.shown()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            assert await server.closed() == shown.number
