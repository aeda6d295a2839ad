"""Delta Chat's own calls between two nodes in one process: what is switched off, and what hostile messages do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from peer.calls.foreign_admission import ForeignOffer
from peer.calls.line import Line
from peer.calls.programs.deltachat import CANDIDATES, NEGOTIATION, SWITCHED_ON, DeltaChatApp
from peer.overlay.loopback import loopback_address
from peer.transport.sdp.reading import read_description
from shared.call.table import State
from shared.errors import InputError, LocalProtocolError, OutsideOverlay
from shared.media import Media
from shared.messages import MediaState
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node
from tests.peer.transport.sdp.descriptions import offer as recorded
from tests.peer.transport.sdp.descriptions import with_candidates

ENVELOPE = DeltaChatApp(12, 34)


async def connected(anna: Node, ben: Node) -> tuple[Line, Line]:
    """Let Anna call Ben. Returns each side's line."""
    for who, other in ((anna, ben), (ben, anna)):
        who.knows(other)
        who.switchboard.programs["deltachat"] = lambda _: DeltaChatApp(12)
    ours = await anna.switchboard.place(ben.id, Media.BOTH, program="deltachat")
    await anna.until(lambda: bool(anna.posts))
    reading = await ben.switchboard.foreign.read_offer(
        read_description(anna.posts.pop()), ENVELOPE, chat="there", node=anna.id, proven=True
    )
    theirs = reading.line
    assert theirs is not None
    await ben.switchboard.answer(theirs)
    await ben.until(lambda: bool(ben.posts))
    answer = read_description(ben.posts.pop())
    anna.switchboard.foreign_admission.answered(answer, answer.candidates, None)
    await active((anna, ours), (ben, theirs))
    return ours, theirs


async def test_each_side_sees_what_the_other_has_switched_off(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        ours, theirs = await connected(anna, ben)
        anna.switchboard.lines.show_media(ours, MediaState(audio=False, video=True))
        assert await ben.hears(MediaState, theirs) == MediaState(audio=False, video=True)
        ben.switchboard.lines.show_media(theirs, MediaState(audio=True, video=False))
        assert await anna.hears(MediaState, ours) == MediaState(audio=True, video=False)
        with pytest.raises(LocalProtocolError, match="takes no text"):
            anna.switchboard.write(ours, "hello")


@pytest.mark.parametrize(
    "message", ['{"audioEnabled":true,"videoEnabled":false}', b'{"videoEnabled":false,"audioEnabled":true}']
)
def test_what_they_send_is_read_from_their_own_message(message: str | bytes) -> None:
    assert ENVELOPE.read(SWITCHED_ON, message) == MediaState(audio=True, video=False)


def test_what_we_send_is_said_in_their_own_words() -> None:
    said = ENVELOPE.write(MediaState(audio=True, video=False))
    assert said is not None
    assert (said[0], json.loads(said[1])) == (SWITCHED_ON, {"audioEnabled": True, "videoEnabled": False})


@pytest.mark.parametrize("channel", [CANDIDATES, NEGOTIATION, 0, 123])
def test_no_other_channel_says_anything(channel: int) -> None:
    assert ENVELOPE.read(channel, '{"audioEnabled":true,"videoEnabled":false}') is None


@pytest.mark.parametrize("message", [
    "", "null", "[]", "{}", '{"audioEnabled":1,"videoEnabled":0}', '{"audioEnabled":true}', b"\xff\xfe",
    "[" * 1000, '{"audioEnabled":true,"videoEnabled":true}' + " " * 2000,
])  # fmt: skip
def test_a_message_that_is_none_says_nothing(message: str | bytes) -> None:
    assert ENVELOPE.read(SWITCHED_ON, message) is None


@given(some.integers(0, 65535), some.text() | some.binary())
def test_any_message_is_read_or_left(channel: int, message: str | bytes) -> None:
    assert isinstance(ENVELOPE.read(channel, message), MediaState | None)


async def test_only_the_address_of_the_node_counts_in_the_apps_own_offer(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        ben.knows(anna)
        foreign = ben.switchboard.foreign
        # The offer as the page made it, with addresses that aren't Anna's.
        with pytest.raises(InputError, match="whose it is"):
            await foreign.read_offer(read_description(recorded("deltachat-offer")), ENVELOPE, chat="c")
        with pytest.raises(OutsideOverlay):
            await foreign.read_offer(read_description(recorded("deltachat-offer")), ENVELOPE, chat="c", node=anna.id)
        own = f"candidate:1 1 udp 1 {loopback_address(anna.id)} 41234 typ host"
        lan = "candidate:2 1 udp 9 203.0.113.7 41235 typ host"
        sdp = with_candidates(recorded("deltachat-offer"), [lan, own])
        line = (await foreign.read_offer(read_description(sdp), ENVELOPE, chat="c", rings=120)).line
        assert line is not None
        assert (line.peer, line.proven, line.expires) == (anna.id, False, int(ben.now) + 120)
        await ben.switchboard.answer(line)
        await ben.until(lambda: bool(ben.posts))
        assert {str(each.address) for each in read_description(ben.posts[0]).candidates} == {
            str(loopback_address(ben.id))
        }
        assert {destination[0] for _, destination, _ in network.sent} <= {str(loopback_address(anna.id))}


@pytest.mark.parametrize(("media", "kinds"), [(Media.BOTH, ["video", "audio"]), (Media.AUDIO, ["audio"])])
async def test_a_call_without_video_is_answered_with_sound_alone(
    tmp_path: Path, media: Media, kinds: list[str]
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        description = read_description(
            with_candidates(
                recorded("deltachat-offer"), [f"candidate:1 1 udp 1 {loopback_address(anna.id)} 41234 typ host"]
            )
        )
        made = ForeignOffer.of(
            anna.id, ENVELOPE, description, description.candidates, loopback_address(anna.id), media=media
        )
        line = (await ben.switchboard.foreign_admission.called(made, chat="c")).line
        assert line is not None
        assert line.media is media
        assert line.call.state is State.RINGING
        await ben.switchboard.answer(line)
        await ben.until(lambda: bool(ben.posts))
        answered = [each.kind for each in read_description(ben.posts[0]).sections if not each.rejected]
        assert sorted(answered) == sorted([*kinds, "application"])
