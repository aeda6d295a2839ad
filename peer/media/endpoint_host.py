"""Runs the endpoint of a call and owns its tasks. Each call has one host, in the task group of its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.media.trouble import MediaTrouble
from shared.errors import LegFailed, MediaError, first_error
from shared.media import Media
from shared.sentences import joined

if TYPE_CHECKING:
    from peer.media import Endpoint
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)


class Host:
    """Runs the endpoint of one call: attaches it to each leg, and notices when a part of it fails.

    If the endpoint can't begin, the call ends, because nobody would hear anything. If the endpoint or its tap of the
    leg fails later, only the endpoint ends: its tasks end, it closes its devices and files, and the call goes on
    without it. If closing them fails as well, the call goes on all the same.

    While the call is on hold (`pause`), the endpoint is detached, and microphone, camera and speaker are closed.
    """

    def __init__(
        self, endpoint: Endpoint, *, refused: Callable[[MediaError], None], tell: Callable[[MediaTrouble], None]
    ) -> None:
        """`refused` is called when the endpoint can't begin, `tell` when it fails later.

        At most one of them is called, once.

        `tell` is also called when the endpoint can't close what it has open.
        """
        self._endpoint = endpoint
        self._refused = refused
        self._tell = tell
        self._next: tuple[Leg, Media] | None = None
        self._changed = asyncio.Event()
        self._paused = False
        self._attached = False
        self._began = False
        self._leaving: asyncio.Future[None] | None = None
        "Detaches the endpoint during the latest pause."

        self._tap_error: Exception | None = None
        "The exception from a tap of the endpoint."

    def attach(self, leg: Leg, media: Media) -> None:
        """Attach the endpoint to this leg, for these kinds of media, instead of the previous leg."""
        self._next = leg, media
        leg.tap_failures.listen(self._tap_failed)
        self._changed.set()

    def pause(self, paused: bool) -> None:
        """Detach the endpoint if `paused`; otherwise attach it again, to the leg that there is by then."""
        if paused != self._paused:
            self._paused = paused
            self._changed.set()

    async def run(self) -> None:
        """Own every task of the endpoint until cancelled, then detach the endpoint."""
        try:
            await self._run()
        finally:
            try:
                if self._leaving is not None and not self._leaving.done():
                    await self._leaving
                await self._endpoint.detach()
            except Exception:
                name = self._endpoint.name
                logger.exception("the endpoint %s can't let go", name)
                # The owner should know, because a microphone may still be open.
                self._tell(
                    MediaTrouble(
                        f"The endpoint {name} couldn't close everything that it had open.",
                        "Restart the program if your microphone or camera stays on; its log says what went wrong.",
                        sends=Media.NONE,
                    )
                )

    def _tap_failed(self, error: Exception) -> None:
        self._tap_error = error
        self._changed.set()

    async def _run(self) -> None:
        failure: BaseExceptionGroup[Exception] | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    if self._tap_error is not None:
                        raise self._tap_error
                    if self._paused:
                        if self._attached:
                            self._attached = False
                            # The call may end meanwhile. An endpoint that is half detached must still be detached
                            # completely.
                            self._leaving = asyncio.ensure_future(self._endpoint.detach())
                            await asyncio.shield(self._leaving)
                    elif self._next is not None:
                        self._attached = True
                        # The session notices the lost leg, and attaches the next one.
                        with contextlib.suppress(LegFailed):
                            await self._endpoint.attach(*self._next, tasks)
                            self._began = True
        except* Exception as group:
            failure = group
        assert failure is not None
        error = first_error(failure)
        if isinstance(error, MediaError):
            logger.warning("the endpoint %s has stopped: %s", self._endpoint.name, error.sentence)
        else:
            logger.error("the endpoint %s broke", self._endpoint.name, exc_info=error)
            error = MediaError(
                f"Your sound and picture have stopped: the endpoint {self._endpoint.name} broke.",
                "See the program's log.",
            )
        if not self._began:
            self._refused(error)
            return
        hint = joined(error.hint, "The call goes on without it.", "Hang up and call again to get it back.")
        self._tell(MediaTrouble(error.sentence, hint, sends=Media.NONE))
