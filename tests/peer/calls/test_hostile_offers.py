"""Mutated offers at a node that answers all it can: it gives an answer or one error, and sends no packet elsewhere."""

from __future__ import annotations

import random
import time
import tracemalloc
from pathlib import Path

import pytest

from peer.calls.budget import WINDOW_SECONDS
from peer.overlay.loopback import loopback_address
from shared.contacts import Trust
from shared.errors import BadDescription, OutsideOverlay
from tests.audited import audited
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, node, over
from tests.peer.transport.sdp.descriptions import NAMES, offer, sixty_candidates, with_candidates
from tests.peer.transport.sdp.mutations import mutated

OFFERS = 60
"The number of mutations of each recorded program's offer."


@pytest.mark.parametrize("name", NAMES)
async def test_mutated_offers_get_an_answer_or_one_error_and_no_foreign_packet(name: str, tmp_path: Path) -> None:
    chance = random.Random(f"node {name}")
    network = MemoryNetwork()
    answered = refused = 0
    with audited() as asked_of_the_network:
        async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
            ben.knows(anna, trust=Trust.AUTO, classic=True)
            ours, theirs = (str(loopback_address(each.id)) for each in (ben, anna))
            own = f"candidate:7 1 udp 2122252543 {theirs} 41234 typ host"
            original = with_candidates(offer(name), [*sixty_candidates(), own]).replace("0.0.0.0", "203.0.113.77")
            password = next(line for line in original.split("\r\n") if line.startswith("a=ice-pwd:"))
            tracemalloc.start()
            began = time.monotonic()
            for number in range(OFFERS):
                sdp = original.replace(password, f"a=ice-pwd:{number:030}")
                ben.now += WINDOW_SECONDS + 1
                ben.posts.clear()
                try:
                    reading = await ben.switchboard.foreign.read_pasted(mutated(sdp, chance), chat="chat", node=anna.id)
                except (BadDescription, OutsideOverlay):
                    refused += 1
                    continue
                if reading.line is None:
                    refused += 1
                    continue
                line = reading.line
                await ben.until(lambda line=line: bool(ben.posts) or line.call.ended)  # type: ignore[misc]
                if not line.call.ended:
                    answered += 1
                    (answer,) = ben.posts
                    assert ours in answer
                    assert not any(foreign in answer for foreign in ("203.0.113", "198.51.100", ".local", "192.168."))
                    ben.switchboard.hang_up(line)
                await over(line)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert time.monotonic() - began < 4 * PATIENCE
    assert asked_of_the_network == [], "a call on a network in memory needs no socket and no name"
    assert answered > OFFERS // 10
    assert refused > OFFERS // 10
    assert peak < 32 * 1024 * 1024
    assert {(source[0], destination[0]) for source, destination, _ in network.sent} == {(ours, theirs)}
