"""The thread that makes all calls to PortAudio. PortAudio hangs if ALSA passes a call to a sound server that hangs."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from peer.media.sound.types import SoundHangs
from shared.in_thread import for_thread

SECONDS = 5.0
"How long a call to PortAudio may take."

_Result = TypeVar("_Result")


class PortAudioThread:
    """Runs one function after the other in a daemon thread.

    Callers wait at most SECONDS; the program's end doesn't wait.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], _Result], *, even_late: bool = False) -> _Result:
        """Return what `function` returns, or raise what it raises. Raises SoundHangs if that takes too long.

        With `even_late` the function runs all the same, once the thread is free again.
        """
        job, future = for_thread(function)
        given_up = threading.Event()

        def in_time() -> None:
            if even_late or not given_up.is_set():
                job()

        self._jobs.put(in_time)
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
"The only instance: PortAudio supports just one thread."
