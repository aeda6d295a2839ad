from __future__ import annotations

import asyncio
import subprocess
import sys

from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from shared.media import Media
from tests.peer.pair import connected


async def test_no_media_sends_nothing_and_what_comes_is_only_counted() -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        endpoint, pattern = NoMedia(), Pattern()
        await endpoint.attach(legs.callee, Media.BOTH, legs.tasks)
        assert asyncio.all_tasks() <= before
        arrived = asyncio.Event()
        legs.callee.first_media.listen(lambda kind: arrived.set())
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await arrived.wait()
        await pattern.detach()
        await endpoint.detach()
        assert legs.callee.counters.audio.packets + legs.callee.counters.video.packets > 0
        assert legs.caller.counters.audio.packets + legs.caller.counters.video.packets == 0


def test_no_media_library_is_loaded_for_it() -> None:
    program = (
        "import sys; from pathlib import Path; from peer.media import make; from shared.config.schema import Config;"
        "make('none', Config(), recordings=Path('.'));"
        "sys.exit(bool({'av', 'aiortc'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
