"""Two of the values that a Line is made of: how the connection stands, and what of the call is shown to people.

A Line replaces them as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.call.records import RunningCall
from shared.contacts import Contact
from shared.media import Media
from shared.messages import MediaState
from shared.reasons import Reason

if TYPE_CHECKING:
    from peer.calls.sdp_session import SdpSession
    from peer.calls.session import Session


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How the connection stands. Times are monotonic seconds unless a field says otherwise."""

    media: Media
    "What the caller wants; once answered, what the callee agreed to."

    session: Session | SdpSession | None = None
    carrier: asyncio.Task[None] | None = None
    "The task that runs the session."

    dialled: float | None = None
    "When the last link of the call was read, or it was answered."

    connected: float | None = None
    "When the leg came up."

    connected_at: int | None = None
    "The same in Unix seconds."

    alive: int = 0
    "When we last knew that the other side was there, Unix seconds."

    redial_secret: bytes | None = field(default=None, repr=False)
    "32 bytes: what the keys of later epochs are derived from; None before the first leg was up."

    agreed_secret: bytes | None = field(default=None, repr=False)
    "32 bytes: the pair secret that was agreed on in this call."

    epoch: int = 0
    "The last epoch that was dialled."

    first_media: Mapping[str, float] = field(default_factory=dict)
    "When the first packet of `audio` and `video` arrived."

    remote_media: MediaState | None = None
    "What the other side has said that it sends."

    taken_up: RunningCall | None = None
    "What was kept of a call in which the program was killed, until it is up again."

    awaited_until: float | None = None
    "Until when the other side of such a call may be waiting, Unix seconds."

    converses: bool | None = None
    "Whether the other side's program can be in a conversation of several people; None: it hasn't said yet."

    release: Callable[[], Awaitable[None]] | None = None
    "Turns on microphone and camera of such a call, once the owner wants it; None: they don't wait."

    goodbye: str | None = None
    "What we tell the other side when the leg closes."

    goodbye_unheard: bool = False
    "The other side hasn't acknowledged it."

    @property
    def waits_for_owner(self) -> bool:
        """Whether, after a restart, microphone and camera stay off until the owner answers."""
        return self.release is not None


@dataclass(frozen=True, slots=True)
class Presented:
    """What people see of the call, or what its owner has chosen for it."""

    contact: str | None = None
    "The other side's name in the contact book; None for a stranger."

    entry: bytes = b""
    "Which entry of the contact book that is, see Contact."

    reason: Reason = Reason.ASK
    "What the policy said of the call."

    endpoint: str | None = None
    "The media endpoint, once it is made; None: the contact's, or the configured one."

    automatic: bool = False
    "Answered without asking."

    machine: bool = False
    "The answering machine has taken it, in the owner's place."

    remote_automatic: bool = False
    "The other side answered without asking."

    provisional: bool = False
    "Placed in advance: its link may never be posted, so it blocks no other call until it connects."

    phrase: str = ""
    "Four words to compare, once both sides have agreed."

    quarantined: bool = False
    "The key that was agreed in it waits until the owner confirms the words."

    differed: bool = False
    "The owner has compared the words, and they weren't the same."

    together: bytes = b""
    "The conversation of several people that it is part of, 16 bytes."

    together_since: float = 0.0
    "When it became part of it, Unix seconds."

    introduced: bool = False
    "Somebody in a conversation with us has introduced the other side: links go through the call with them, not a chat."

    echo: bool = False
    "A test call with our own echo, see echo_calls.py: no person is at the other side, and nothing of it is kept."

    begins_off: bool = False
    """Microphone and camera of the page stay off until the owner switches them on there. For a call that was placed,
    answered or taken off hold in a chat where others can write in the owner's place."""

    @classmethod
    def coming(cls, contact: Contact | None, *, automatic: bool) -> Presented:
        """For an incoming call of that contact, None: of a stranger. `automatic`: it is answered without asking."""
        begins_off = automatic and contact is not None and contact.in_clear
        return cls(automatic=automatic, begins_off=begins_off).of(contact)

    def of(self, contact: Contact | None) -> Presented:
        """The same, shown as a call with that contact, None: with a stranger."""
        if contact is None:
            return replace(self, contact=None, entry=b"")
        return replace(self, contact=contact.name, entry=contact.entry)
