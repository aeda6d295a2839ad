"""Which links about a call are believed: declining it, taking it back and others, sealed with a shared key or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from peer.calls.line import Line
from peer.calls.reading import Reading
from shared.call.table import EndReason, State
from shared.links.kinds import LIFETIME
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.reasons import Reason
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node, over

KEY = b"k" * 32
IMPOSTORS = b"i" * 32
"A key that a call in the contact's name has agreed on, without a confirmation."

SAID = [operation for operation in Operation if operation is not Operation.CALL]


async def hears(who: Node, line: Line, operation: Operation, secret: bytes) -> Reading:
    """Let a node read a link about a call, encrypted with a secret."""
    port = 40_000 if operation is Operation.ACCEPT else 0
    said = PairedBody(operation, Media.NONE, int(who.now), port, line.link.reference)
    return await who.reads(seal(said, secret=secret, source=line.peer, destination=who.id, nonce=bytes(12)).token)


@pytest.mark.parametrize("operation", SAID)
@pytest.mark.parametrize(("secret", "program"), [(IMPOSTORS, "classic"), (KEY, "classic"), (IMPOSTORS, None)])
async def test_only_the_other_side_says_that_a_waiting_call_is_over(
    tmp_path: Path, operation: Operation, secret: bytes, program: str | None
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        ben.knows(anna, key=KEY)
        assert not ben.store.propose_secret(anna.id, IMPOSTORS, 0)
        if program is None:
            # She confirmed before her side of the pairing arrived: a key exists, but none that she may write with.
            assert not ben.store.propose_secret(anna.id, b"c" * 32, 0)
            assert ben.store.confirm_secret(anna.id, b"c" * 32)
            assert not ben.store.propose_secret(anna.id, IMPOSTORS, 0)
        line = await ben.switchboard.place(anna.id, Media.BOTH, program=program)
        await ben.until(lambda: bool(ben.posts))
        reading = await hears(ben, line, operation, secret)
        assert (reading.reason, reading.line) == (Reason.EXPIRED, None)
        assert line.call.state is State.CALLING


@pytest.mark.parametrize(
    ("operation", "reason"),
    [(Operation.DECLINE, EndReason.REMOTE_HUNG_UP), (Operation.CANCEL, EndReason.REMOTE_HUNG_UP)],
)
async def test_a_key_that_is_not_confirmed_ends_the_call_in_which_it_was_agreed(
    tmp_path: Path, operation: Operation, reason: EndReason
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        ben.knows(anna, key=KEY)
        anna.knows(ben)
        theirs = await anna.switchboard.place(ben.id, Media.BOTH)
        await anna.until(lambda: bool(anna.posts))
        ours = (await ben.reads_all(anna))[0].line
        assert ours is not None
        await ben.switchboard.answer(ours)
        await ben.until(lambda: bool(ben.posts))
        await anna.reads_all(ben)
        await active((anna, theirs), (ben, ours))
        await ben.until(lambda: ours.connection.agreed_secret is not None)
        assert ours.shown.quarantined
        assert ours.connection.agreed_secret is not None
        assert (await hears(ben, ours, operation, ours.connection.agreed_secret)).line is ours
        await over(ours)
        assert ours.call.reason is reason


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (
            15 * 60,
            "ben has your link, but your clocks differ by about 15 minutes. ben's clock is slow, or yours is fast",
        ),
        (
            -15 * 60,
            "ben has your link, but your clocks differ by about 15 minutes. ben's clock is fast, or yours is slow",
        ),
        (0, "your link reached ben too late"),
    ],
)
async def test_a_caller_whose_clock_is_wrong_hears_it_from_their_contacts_program(
    tmp_path: Path, ahead: int, said: str
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        anna.knows(ben, key=KEY)
        ben.knows(anna, key=KEY)
        anna.now += ahead
        line = await anna.switchboard.place(ben.id, Media.BOTH)
        await anna.until(lambda: bool(anna.posts))
        if not ahead:
            ben.now += LIFETIME
        reading = await ben.reads(anna.posts[0])
        assert reading.other_clock is not None
        if not ahead:
            ben.now -= 60  # the setting depends on the configuration there, and took a while
            anna.now = ben.now
        await anna.reads(await ben.switchboard.admission.reply_to(reading.other_clock))
        await over(line)
        assert (line.call.reason, line.call.detail) == (EndReason.FAILED, said)
