"""Calls of another program between two nodes in one process: what such a program adds to the existing ones."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from peer.calls.foreign_admission import ForeignOffer
from peer.calls.line import Line
from peer.calls.programs.bare_sdp import BareSdp
from peer.calls.programs.classic import Classic
from peer.calls.programs.envelope import Envelope
from peer.media.trouble import MediaTrouble
from peer.overlay.loopback import loopback_address
from peer.transport.sdp.reading import read_description
from shared.call.events import RemoteDeclined
from shared.call.table import EndReason, State
from shared.contacts import Trust
from shared.errors import LocalProtocolError
from shared.links.classic import CHANNEL
from shared.media import Media
from shared.messages import MAX_TEXT, MediaState, Text
from shared.node_id import NodeId
from shared.reasons import Reason
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node, over
from tests.peer.transport.sdp.descriptions import offer as recorded_offer
from tests.peer.transport.sdp.descriptions import with_candidates

KEY = b"k" * 32

MUTES = 3


@dataclass(frozen=True)
class Muting(BareSdp):
    """A program whose calls don't go through the chat, and that sends mute states on its own channel."""

    name = "muting"
    in_chat = False
    channels = (CHANNEL, MUTES)  # type: ignore[assignment]

    def read(self, channel: int, message: str | bytes) -> str | MediaState | None:  # type: ignore[override]
        if channel != MUTES:
            return super().read(channel, message)
        try:
            audio, video = json.loads(message)
        except (ValueError, TypeError):
            return None
        return MediaState(audio=bool(audio), video=bool(video))

    def write(self, said: str | MediaState) -> tuple[int, str] | None:
        if isinstance(said, MediaState):
            return MUTES, json.dumps([said.audio, said.video])
        return super().write(said)


@contextlib.asynccontextmanager
async def two(folder: Path, key: bytes | None = None, **known: object) -> AsyncIterator[tuple[Node, Node]]:
    """Anna and Ben, who are contacts. The nodes of both know that program."""
    network = MemoryNetwork()
    async with node(folder, "anna", network) as anna, node(folder, "ben", network) as ben:
        for who, other in ((anna, ben), (ben, anna)):
            who.knows(other, key=key, **known)  # type: ignore[arg-type]
            who.switchboard.programs["muting"] = lambda _: Muting()
        yield anna, ben


async def placed(caller: Node, callee: Node, program: str = "muting") -> tuple[Line, str]:
    """Place a call. Returns the line and the offer that was written for it."""
    line = await caller.switchboard.place(callee.id, Media.BOTH, program=program)
    await caller.until(lambda: bool(caller.posts))
    return line, caller.posts.pop()


async def came(callee: Node, caller: Node, offer: str, *, proven: bool) -> Line:
    """Do what such a program does with an offer that has arrived."""
    description = read_description(offer)
    made = ForeignOffer.of(
        caller.id, Muting(), description, description.candidates, loopback_address(caller.id)
    )  # fmt: skip
    reading = await callee.switchboard.foreign_admission.called(made, chat="there", proven=proven)
    assert reading.line is not None
    return reading.line


async def answered(caller: Node, callee: Node) -> tuple[Line, Line]:
    ours, offer = await placed(caller, callee)
    theirs = await came(callee, caller, offer, proven=True)
    if theirs.call.state is State.RINGING:
        await callee.switchboard.answer(theirs)
    await callee.until(lambda: bool(callee.posts))
    answer = read_description(callee.posts.pop())
    reading = caller.switchboard.foreign_admission.answered(answer, answer.candidates, None)
    assert reading.line is ours
    await active((caller, ours), (callee, theirs))
    return ours, theirs


async def test_a_program_tells_what_it_sends_and_writes_lines(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ours, theirs = await answered(anna, ben)
        anna.switchboard.lines.show_media(ours, MediaState(audio=False, video=True))
        assert await ben.hears(MediaState, theirs) == MediaState(audio=False, video=True)
        assert theirs.connection.remote_media == MediaState(audio=False, video=True)
        ben.switchboard.write(theirs, "hello")
        assert await anna.hears(Text, ours) == Text("hello")


async def test_what_was_switched_off_before_the_call_is_up_is_told_once_it_is(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ours, offer = await placed(anna, ben)
        anna.switchboard.lines.show_media(ours, MediaState(audio=True, video=False))
        theirs = await came(ben, anna, offer, proven=True)
        await ben.switchboard.answer(theirs)
        await ben.until(lambda: bool(ben.posts))
        answer = read_description(ben.posts.pop())
        anna.switchboard.foreign_admission.answered(answer, answer.candidates, None)
        assert await ben.hears(MediaState, theirs) == MediaState(audio=True, video=False)


@pytest.mark.parametrize(("trust", "key", "proven", "state", "reason"), [
    (Trust.AUTO, KEY, True, State.CONNECTING, Reason.TRUSTED),
    (Trust.AUTO, None, True, State.CONNECTING, Reason.TRUSTED),
    (Trust.RING, KEY, True, State.RINGING, Reason.ASK),
    (Trust.AUTO, KEY, False, State.RINGING, Reason.UNPROVEN),
    (Trust.AUTO, None, False, State.RINGING, Reason.ASK),
])  # fmt: skip
async def test_who_is_answered_rests_on_what_the_program_has_proved(
    tmp_path: Path, trust: Trust, key: bytes | None, proven: bool, state: State, reason: Reason
) -> None:
    async with two(tmp_path, key, trust=trust) as (anna, ben):
        _, offer = await placed(anna, ben)
        line = await came(ben, anna, offer, proven=proven)
        assert (line.call.state, line.shown.reason, line.proven) == (state, reason, proven)


@pytest.mark.parametrize("in_clear", [True, False])
async def test_an_automatic_answer_that_others_may_have_allowed_begins_off_with_any_program(
    tmp_path: Path, in_clear: bool
) -> None:
    async with two(tmp_path, trust=Trust.AUTO, trusted_in_clear=in_clear) as (anna, ben):
        _, offer = await placed(anna, ben)
        line = await came(ben, anna, offer, proven=True)
        assert (line.shown.automatic, line.shown.begins_off) == (True, in_clear)


async def test_an_offer_works_once_whichever_way_it_came(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        _, offer = await placed(anna, ben)
        await came(ben, anna, offer, proven=True)
        assert (await ben.switchboard.foreign.read_pasted(offer, chat="chat")).reason is Reason.ALREADY_USED


async def test_what_the_program_says_of_the_call_ends_it_with_its_reason(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ours, _ = await placed(anna, ben)
        ours.put(RemoteDeclined(authenticated=True))
        await over(ours)
        assert ours.call.reason is EndReason.REMOTE_DECLINED


async def test_a_call_with_another_program_is_not_taken_up_after_a_restart(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        await answered(anna, ben)
        (kept,) = anna.store.running_calls()
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        anna.store.save_call(kept)
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        assert [call.reference for call in anna.switchboard.last_run.interrupted] == [kept.reference]
        await anna.switchboard.last_run.rejoin()
        assert anna.lines == []
        assert anna.store.call_log(9)[0].reason == str(EndReason.STOPPED)


async def test_another_program_may_write_long_lines_but_not_too_many(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ours, theirs = await answered(anna, ben)
        assert theirs.session is not None
        for number in range(20):
            theirs.session.write("x" * (2 * MAX_TEXT))
            if number < 15:
                await anna.until(lambda number=number: texts(anna) >= 2 * number + 2)  # type: ignore[misc]
        with pytest.raises(LocalProtocolError, match="too many"):
            theirs.session.write("one more")
        ben.switchboard.hang_up(theirs)
        await over(ours, theirs)
        assert {len(news.text) for _, news in anna.heard if isinstance(news, Text)} == {MAX_TEXT}
        assert texts(anna) < 40


@pytest.mark.parametrize(("endpoint", "media"), [
    ("handset", Media.BOTH), ("pattern", Media.BOTH), ("echo", Media.AUDIO), ("pattern+recorder", Media.AUDIO),
])  # fmt: skip
async def test_where_the_endpoint_cannot_do_what_is_offered_there_is_sound_alone_and_the_owner_knows(
    tmp_path: Path, endpoint: str, media: Media
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network, usual=endpoint) as ben:
        ben.knows(anna)
        candidate = f"candidate:1 1 udp 1 {loopback_address(anna.id)} 41234 typ host"
        sdp = with_candidates(recorded_offer("firefox-offer"), [candidate]).replace("VP8/90000", "VP9/90000")
        line = (await ben.switchboard.foreign.read_pasted(sdp, chat="chat", node=anna.id)).line
        assert line is not None
        assert line.media is Media.BOTH
        await ben.switchboard.answer(line)
        await ben.until(lambda: bool(ben.posts))
        assert line.media is media
        assert ("a=rtpmap:126 H264/90000" in ben.posts[0]) is (media is Media.BOTH)
        told = [news.sentence for _, news in ben.heard if isinstance(news, MediaTrouble)]
        assert [endpoint in sentence and "sound alone" in sentence for sentence in told] == [True] * (
            media is Media.AUDIO
        )


def texts(who: Node) -> int:
    """How many lines of text a node has heard."""
    return sum(isinstance(news, Text) for _, news in who.heard)


@pytest.mark.parametrize(
    "envelope", [BareSdp(), BareSdp(as_json=True), Classic("https://a/", NodeId(bytes(32)), NodeId(bytes(32)))]
)
@pytest.mark.parametrize(("message", "text"), [("hello", "hello"), ("", None), (b"\xff", None), (b"hello", None)])
def test_one_channel_carries_texts_as_they_are(envelope: Envelope, message: str | bytes, text: str | None) -> None:
    assert envelope.read(CHANNEL, message) == text
    assert envelope.write("hello") == (CHANNEL, "hello")
    assert envelope.write(MediaState(audio=True, video=True)) is None
