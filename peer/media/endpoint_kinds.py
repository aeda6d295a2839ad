"""Which endpoints there are, and what each does with the owner's room: a row each, in which nothing has a default."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.config.schema import Endpoint as EndpointName

if TYPE_CHECKING:
    from peer.transport.profile import VideoCodec


class RoomShown(enum.Enum):
    """When an endpoint lets the other side hear and see the room that the owner is in."""

    NEVER = "never"

    FROM_THE_PAGE = "from the page"
    "While a page of the owner's is in the call, with the microphone and camera that are on there."

    AT_ONCE = "at once"
    "As soon as the call is answered, even if nobody there does anything."

    FOR_TRUSTED = "for trusted"
    "As soon as the call is answered. Only a trusted contact gets it, even if the owner answers by hand."


@dataclass(frozen=True, slots=True)
class EndpointKind:
    """An endpoint, before there is a call."""

    name: EndpointName

    module: str | None
    "The file in `endpoints/` whose `make` makes it. None: the program gives it with the call, as the handset."

    room: RoomShown

    records: bool
    "Whether it writes what the other side sends to a file."

    h264: bool
    "Whether it can also do H.264, with a browser or with aiortc's encoder. All can do VP8."


ENDPOINTS: Mapping[str, EndpointKind] = {
    kind.name: kind
    for kind in (
        EndpointKind("handset", None, room=RoomShown.FROM_THE_PAGE, records=False, h264=True),
        EndpointKind("devices", "devices", room=RoomShown.AT_ONCE, records=False, h264=False),
        EndpointKind("camera", "ip_camera", room=RoomShown.FOR_TRUSTED, records=False, h264=False),
        EndpointKind("answering-machine", "answering_machine", room=RoomShown.NEVER, records=True, h264=False),
        EndpointKind("pattern", "pattern", room=RoomShown.NEVER, records=False, h264=True),
        EndpointKind("echo", "echo", room=RoomShown.NEVER, records=False, h264=False),
        EndpointKind("file", "file", room=RoomShown.NEVER, records=False, h264=False),
        EndpointKind("recorder", "recorder", room=RoomShown.NEVER, records=True, h264=False),
        EndpointKind("none", "none", room=RoomShown.NEVER, records=False, h264=True),
    )
}
"All endpoints by name. A plus joins one that sends and one that receives: `file+recorder`."


def _kinds(name: str) -> list[EndpointKind]:
    """The endpoint of that name, or the two that it joins. A name that no endpoint has stands for none."""
    return [ENDPOINTS[part] for part in name.split("+") if part in ENDPOINTS]


def room_shown(name: str) -> frozenset[RoomShown]:
    """When an endpoint lets the other side into the room, for each that it is joined from."""
    return frozenset(kind.room for kind in _kinds(name))


def may_show_room(name: str) -> bool:
    """Whether an endpoint may ever let the other side into the room."""
    return not room_shown(name) <= {RoomShown.NEVER}


def only_for_trusted(name: str) -> bool:
    """Whether only calls with a trusted contact may use an endpoint."""
    return RoomShown.FOR_TRUSTED in room_shown(name)


def records(name: str) -> bool:
    """Whether an endpoint writes what the other side sends to a file."""
    return any(kind.records for kind in _kinds(name))


def video_codecs(name: str) -> frozenset[VideoCodec]:
    """The video codecs that an endpoint can use."""
    from peer.transport.profile import VideoCodec

    return frozenset(VideoCodec) if all(kind.h264 for kind in _kinds(name)) else frozenset({VideoCodec.VP8})
