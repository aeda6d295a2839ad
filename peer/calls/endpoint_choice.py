"""Which media endpoint a call gets, and who may have the ones that show the room."""

from __future__ import annotations

from typing import Protocol

from peer.calls.line import Line
from peer.calls.standing import LineStanding
from peer.media import ANSWERING_MACHINE, CallContext, Endpoint
from peer.media.endpoint_kinds import may_show_room, only_for_trusted
from shared.contacts import Contact, Trust
from shared.errors import OnlyForTrusted
from shared.store import Store
from shared.typed import in_shell


class Endpoints(Protocol):
    """Where the media of calls come from and go to."""

    def usual(self) -> str:
        """The name of the endpoint of a call for which none was chosen."""

    def make(self, name: str, context: CallContext) -> Endpoint:
        """The endpoint of that name for one call. Raises CopybaraError if there is none."""


class EndpointChoice:
    """Chooses the endpoint by what the owner said of the call, of the contact, or in the configuration."""

    def __init__(self, store: Store, standing: LineStanding, endpoints: Endpoints) -> None:
        self._store = store
        self._standing = standing
        self._endpoints = endpoints

    def usual_for(self, contact: Contact | None, *, proven: bool, keyed: bool) -> str:
        """The name of the endpoint for a call for which none was chosen.

        The endpoint that the owner chose for a contact is for that person: if we share a key with the contact
        (`keyed`) and the call isn't proven by it, somebody else may be calling, and gets the configured one.
        """
        chosen = contact.endpoint if contact is not None and (proven or not keyed) else None
        return chosen or self._endpoints.usual()

    def opens(self, contact: Contact | None, *, proven: bool, keyed: bool) -> bool:
        """Whether the endpoint that would answer such a call lets the caller see or hear the room.

        A page does: its microphone and camera are on as soon as the call is up, even if nobody has pressed anything.
        """
        return may_show_room(self.usual_for(contact, proven=proven, keyed=keyed))

    def asks_first(self, contact: Contact | None, *, proven: bool, keyed: bool) -> bool:
        """Whether the owner is asked about such a call, even if the contact's calls are answered automatically.

        That is so if the endpoint is only for trusted contacts, and this one was trusted, or the words of its key were
        confirmed, in a chat where others can write in the owner's place.
        """
        in_clear = contact is not None and contact.in_clear
        return in_clear and only_for_trusted(self.usual_for(contact, proven=proven, keyed=keyed))

    def of(self, line: Line) -> str:
        """The name of the endpoint for a call.

        Raises OnlyForTrusted if that is a camera and the other side isn't trusted, or hasn't proved who they are, and
        StoreError.
        """
        if line.shown.machine:
            return ANSWERING_MACHINE
        contact = self._store.contact_of(line.peer)
        proven = self._standing.proves(line)
        name = line.shown.endpoint or self.usual_for(contact, proven=proven, keyed=line.link.keyed)
        if only_for_trusted(name):
            _require_trusted(line, contact, proven=proven)
        return name


def _require_trusted(line: Line, contact: Contact | None, *, proven: bool) -> None:
    if contact is None or contact.trust is not Trust.AUTO:
        raise OnlyForTrusted(
            f"The camera is only for contacts whose calls are answered automatically, and {line.name} isn't one.",
            f"To let them see it at any time: /contact trust {line.name}" if contact else "Save them first.",
        )
    if contact.trusted_in_clear:
        raise OnlyForTrusted(
            "The camera is only for contacts that you trust, and others could write in your place that "
            f"{line.name} is one.",
            f"Say it at the computer: copybara contacts trust {in_shell(line.name)}",
        )
    if contact.confirmed_in_clear:
        raise OnlyForTrusted(
            f"The camera is only for contacts who prove who they are, and others could confirm the words of "
            f"{line.name}'s key in your place.",
            "Compare the words in your next call, at the page.",
        )
    if not proven:
        raise OnlyForTrusted(
            f"The camera is only for contacts who prove who they are, and this call of {line.name} doesn't.",
            "Share a key first: talk once, with another endpoint.",
        )
