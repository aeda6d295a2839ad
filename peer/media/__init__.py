"""Sound and pictures: the endpoint that a call is connected to on our side.

An endpoint, in `endpoints/`, sends and receives on a leg. It is built from `devices/`, `sound/`, `picture/` and `rtp/`.
`endpoint_kinds.py` lists the endpoints. This file has the protocol `Endpoint` and `make`, which imports an endpoint,
and the media libraries that it needs, only when a call uses it. May import `peer.transport` and `shared`. Start with
`endpoints/pattern.py`, then `endpoint_host.py`, which runs the endpoint of a call.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from peer.media.endpoint_kinds import ENDPOINTS
from peer.media.trouble import MediaTrouble
from shared.config.schema import Config
from shared.errors import ConfigError, InputError
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg

HANDSET = "handset"

DEVICES = "devices"

PATTERN = "pattern"

AUTO = "auto"
"Only in the configuration: the handset, or the pattern in a console without a page."

ANSWERING_MACHINE = "answering-machine"


@dataclass(frozen=True, slots=True)
class CallContext:
    """What an endpoint knows about its call, and the functions with which it reports."""

    number: int = 0
    "Line.number."

    label: str = ""
    "Usually the other person's name. It becomes part of a recording's file name."

    automatic: bool = False
    "Whether the call was answered automatically, so that both sides must hear a tone."

    recorded: Callable[[Path], None] = lambda path: None
    "Called in the event loop with the path of a finished recording."

    handset: Callable[[], Endpoint] | None = None
    "Makes the endpoint of the handset page. None if this program has no page."

    chime: Callable[[], bool] = lambda: False
    "Plays the notice of an automatic answer on the handset page. Returns False if no page can play it."

    trouble: Callable[[MediaTrouble], None] = lambda trouble: None
    "Called in the event loop when the owner must know about a problem with their sound, picture or recording."

    unheard: Callable[[], None] = lambda: None
    "Called in the event loop when this side couldn't play the notice, for lack of a page and a speaker."

    finished: Callable[[], None] = lambda: None
    "Called in the event loop when the endpoint wants the call to end."

    wait_for_owner: Callable[[Callable[[], Awaitable[None]]], None] | None = None
    "Called with a function that lets a waiting endpoint begin. None: the endpoint begins at once."


class Endpoint(Protocol):
    """Where the media of one call come from and go to."""

    @property
    def name(self) -> str:
        """The endpoint's name in the configuration."""

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to send and receive these kinds of media on a connected leg.

        All tasks of the endpoint run in `tasks`, the same task group for all legs of a call. If one of them fails, the
        endpoint ends. `attach` may be called again with the next leg of the same call; the endpoint then leaves the
        previous leg. Raises MediaError when a file or device can't be used. Call `detach` after that as well.
        """

    async def detach(self) -> None:
        """End everything that was started. Calling it again does nothing."""


def check_endpoint(name: str) -> str:
    """Return `name` if an endpoint has that name. Raises InputError, which lists the names."""
    if not all(part in ENDPOINTS for part in name.split("+", 1)):
        raise InputError("There is no such media endpoint.", f"There are: {', '.join(ENDPOINTS)}.")
    return name


def make(name: str, config: Config, *, recordings: Path, context: CallContext = CallContext()) -> Endpoint:
    """Make an endpoint for one call. `recordings` is the folder for recordings if the configuration names none.

    Raises ConfigError if no endpoint has that name, or if the endpoint lacks its setting.
    """
    endpoint = _make(name, config, recordings, context)
    if context.wait_for_owner is not None:
        from peer.media.endpoints.wait_for_owner import WaitForOwner

        waiting = WaitForOwner(endpoint)
        context.wait_for_owner(waiting.release)
        endpoint = waiting
    if context.automatic:
        from peer.media.endpoints.answer_chime import Announced

        return Announced(endpoint, config.devices, context.chime, context.unheard)
    return endpoint


def _make(name: str, config: Config, recordings: Path, context: CallContext) -> Endpoint:
    if "+" in name:
        from peer.media.endpoints.send_and_receive import SendAndReceive

        sender, _, receiver = name.partition("+")
        return SendAndReceive(*(_make(part, config, recordings, context) for part in (sender, receiver)))
    kind = ENDPOINTS.get(name)
    if kind is None:
        raise ConfigError(
            f"There is no media endpoint {name!r}.", f"There are: {', '.join(ENDPOINTS)}.", key="answer.endpoint"
        )
    if kind.module is None:
        if context.handset is None:
            raise ConfigError(
                "Your page is switched off.", "Set `enabled` under [handset] of copybara.toml.", key="handset.enabled"
            )
        return context.handset()
    module = importlib.import_module(f"peer.media.endpoints.{kind.module}")
    endpoint: Endpoint = module.make(config, recordings, context)
    return endpoint
