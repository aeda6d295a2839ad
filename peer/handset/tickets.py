"""Tickets: the secrets in page addresses that others can read, such as in a chat's button.

A ticket admits one page, once and within an hour. It is proven and never sent (see proof.py). So whatever passes a
messenger's servers or stays in its history is useless later.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

import msgspec

TICKET_BYTES = 16

NAME_CHARACTERS = 16
"""The length of a ticket's name: hexadecimal digits of its SHA-256. The name identifies the ticket and reveals nothing
of it."""

TICKET_SECONDS = 3600.0
"How long a ticket can be used."

MAX_TICKETS = 64
"The most tickets at once. The oldest is dropped first. There can't be as many calls at once."


class _Ticket(msgspec.Struct, frozen=True):
    text: str
    issued: float
    used: Callable[[], None]


class Tickets:
    """The tickets of one run of the server. They are only in memory, so a restart invalidates all of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._places: OrderedDict[str, _Ticket] = OrderedDict()

    def issue(self, place: str, used: Callable[[], None]) -> str:
        """The ticket for a place, 22 characters of base64url. `used` is called when it has been used.

        The ticket stays the same during half of its lifetime. Then it is replaced.
        """
        now = self._clock()
        known = self._places.get(place)
        if known is not None and now - known.issued < TICKET_SECONDS / 2:
            return known.text
        ticket = self._places[place] = _Ticket(secrets.token_urlsafe(TICKET_BYTES), now, used)
        self._places.move_to_end(place)
        while len(self._places) > MAX_TICKETS:
            self._places.popitem(last=False)
        return ticket.text

    def named(self, name: str) -> str | None:
        """The ticket with that name, if it can still be used."""
        now = self._clock()
        for ticket in self._places.values():
            if ticket_name(ticket.text) == name:
                return ticket.text if now - ticket.issued < TICKET_SECONDS else None
        return None

    def take(self, text: str) -> bool:
        """Use up a ticket. Returns False if there is no such ticket, or no longer."""
        for place, ticket in self._places.items():
            if secrets.compare_digest(ticket.text.encode(), text.encode()):
                del self._places[place]
                if self._clock() - ticket.issued >= TICKET_SECONDS:
                    return False
                ticket.used()
                return True
        return False


def ticket_name(ticket: str) -> str:
    """The name of a ticket, which doesn't reveal it."""
    return sha256(ticket.encode()).hexdigest()[:NAME_CHARACTERS]
