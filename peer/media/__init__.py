"""Sound and pictures: what a call is connected to on our side.

An endpoint (`endpoints/`) sends and receives on a leg; `devices/`, `sound/`, `picture/` and `rtp/` are what it is made
of. Here are the names, what an endpoint is, and what makes one; an endpoint and the media libraries are imported when
one is made. May import `peer.transport` and `shared`. Start with `endpoints/pattern.py`, then `endpoint_host.py`, which
runs the endpoint of a call.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from peer.media.trouble import MediaTrouble
from shared.config.schema import Config
from shared.config.schema import Endpoint as EndpointName
from shared.errors import ConfigError, InputError
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg
    from peer.transport.profile import VideoCodec

HANDSET = "handset"

DEVICES = "devices"

PATTERN = "pattern"

AUTO = "auto"
"In the configuration only: the handset, or the pattern in a console without a page."

MODULES = {
    "devices": "devices",
    "camera": "ip_camera",
    "answering-machine": "answering_machine",
    "pattern": "pattern",
    "echo": "echo",
    "file": "file",
    "recorder": "recorder",
    "none": "none",
}
"By the name of an endpoint, the module in `endpoints/` whose `make` makes it. The handset's comes from outside."

NAMES = tuple(name for name in get_args(EndpointName) if name != AUTO)
"The names of all endpoints. A sending and a receiving one can be joined by a plus: `file+recorder`."

ANSWERING_MACHINE = "answering-machine"

ONLY_FOR_TRUSTED = frozenset({"camera"})
"Endpoints that show what only a trusted contact may see, even when the owner answers by hand."

ANY_PICTURE = frozenset({"handset", "pattern", "none"})
"Endpoints that can do H.264 as well, by a browser or aiortc's own encoder. All others can only do VP8."

KEEPS = frozenset({ANSWERING_MACHINE, "recorder"})
"Endpoints that write what the other side sends into a file."

INTO_THE_ROOM = frozenset({"devices"})
"Endpoints that let the other side hear and see the room, whether or not anybody there does anything."


@dataclass(frozen=True, slots=True)
class CallContext:
    """The call that an endpoint is made for."""

    number: int = 0
    "Line.number."

    label: str = ""
    "Usually the name of the other person; it becomes part of a recording's name."

    automatic: bool = False
    "Whether the call was answered automatically, so that a tone has to be heard on both sides."

    recorded: Callable[[Path], None] = lambda path: None
    "Called in the event loop with the file of a recording that is finished."

    handset: Callable[[], Endpoint] | None = None
    "Makes the endpoint of the handset page; None: this program has no page."

    chime: Callable[[], bool] = lambda: False
    "Gives the notice of an automatic answer at the handset page. Returns False if no page can be heard."

    trouble: Callable[[MediaTrouble], None] = lambda trouble: None
    "Called in the event loop when the owner has to know something about their sound, picture or recording."

    unheard: Callable[[], None] = lambda: None
    "Called in the event loop when the notice couldn't be heard on this side, for lack of a page and a speaker."

    finished: Callable[[], None] = lambda: None
    "Called in the event loop when the endpoint wants the call to end."

    wait_for_owner: Callable[[Callable[[], Awaitable[None]]], None] | None = None
    "Called with a function that lets the waiting endpoint begin; None: it begins at once."


class Endpoint(Protocol):
    """Where the media of one call come from and go to."""

    @property
    def name(self) -> str:
        """The endpoint's name in the configuration."""

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to send and receive these kinds of media on a connected leg.

        All tasks of the endpoint run in `tasks`, which is the same for all legs of a call; if one of them fails, the
        endpoint is ended. Can be called again with the next leg of the same call; then the leg before is left. Raises
        MediaError when a file or device can't be used; `detach` has to be called after that as well.
        """

    async def detach(self) -> None:
        """End everything that was started. Does nothing if that has been done."""


def check_endpoint(name: str) -> str:
    """Return `name` if there is such an endpoint. Raises InputError, which lists those that there are."""
    if not all(part in NAMES for part in name.split("+", 1)):
        raise InputError("There is no such media endpoint.", f"There are: {', '.join(NAMES)}.")
    return name


def only_for_trusted(name: str) -> bool:
    """Whether an endpoint may be used in a call with a trusted contact only."""
    return not ONLY_FOR_TRUSTED.isdisjoint(name.split("+"))


def shows_the_room(name: str) -> bool:
    """Whether an endpoint may let the other side into the room: a page does, once its owner has switched it on."""
    return opens_the_room(name) or only_for_trusted(name) or HANDSET in name.split("+")


def records(name: str) -> bool:
    """Whether the endpoint of that name keeps what the other side sends."""
    return not KEEPS.isdisjoint(name.split("+"))


def opens_the_room(name: str) -> bool:
    """Whether an endpoint lets the other side into the room."""
    return not INTO_THE_ROOM.isdisjoint(name.split("+"))


def video_codecs(name: str) -> frozenset[VideoCodec]:
    """The codecs that an endpoint's picture may have."""
    from peer.transport.profile import VideoCodec

    return frozenset(VideoCodec) if ANY_PICTURE.issuperset(name.split("+")) else frozenset({VideoCodec.VP8})


def make(name: str, config: Config, *, recordings: Path, context: CallContext = CallContext()) -> Endpoint:
    """Make an endpoint for one call. `recordings` is the folder for recordings if none is configured.

    Raises ConfigError for a name that doesn't exist, or an endpoint that lacks its setting.
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
    if name == HANDSET:
        if context.handset is None:
            raise ConfigError(
                "Your page is switched off.", "Set `enabled` under [handset] of copybara.toml.", key="handset.enabled"
            )
        return context.handset()
    if name not in MODULES:
        raise ConfigError(
            f"There is no media endpoint {name!r}.", f"There are: {', '.join(NAMES)}.", key="answer.endpoint"
        )
    module = importlib.import_module(f"peer.media.endpoints.{MODULES[name]}")
    endpoint: Endpoint = module.make(config, recordings, context)
    return endpoint
