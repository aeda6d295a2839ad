"""The thread in which PortAudio is asked for anything: it hangs where ALSA leads to a sound server that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from peer.media.sound.types import SoundHangs

SECONDS = 5.0
"What PortAudio may take for an answer."

_Result = TypeVar("_Result")


class PortAudioThread:
    """One thing after the other, in a thread that nobody waits for longer than SECONDS, nor the end of the program."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], _Result], *, even_late: bool = False) -> _Result:
        """Return what `function` returns, or raise what it raises. Raises SoundHangs when that takes too long.

        `even_late`: it is done after that as well, once what hangs has come back.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()
        given_up = threading.Event()

        def settle(result: _Result | None, error: Exception | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def job() -> None:
            if given_up.is_set() and not even_late:
                return
            result, failure = None, None
            try:
                result = function()
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, failure)

        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="portaudio", daemon=True)
            self._thread.start()
        try:
            async with asyncio.timeout(SECONDS):
                return await future
        except TimeoutError:
            raise SoundHangs from None
        finally:
            given_up.set()

    def _work(self) -> None:
        while True:
            self._jobs.get()()


thread = PortAudioThread()
"The only one: PortAudio isn't made for several."
