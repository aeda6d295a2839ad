"""Buttons: their words, and the data that a tap sends. The data never holds a link, only a call's id or a contact."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.conversation import Act, Action
from bot.messengers.telegram.limits import CALLBACK_DATA_BYTES, COPY_CHARACTERS
from bot.messengers.texts import ACTS
from bot.shown_contact import ShownContact


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """One button. Exactly one of the last three fields is set."""

    text: str
    data: str = ""
    url: str = ""
    copy: str = ""


Rows = tuple[tuple[Button, ...], ...]

HANDSET_WORDS = "Open page (on the computer)"
"The page is at 127.0.0.1, which on a phone means the phone itself."

_ROWS = (
    (Act.ANSWER, Act.ANSWER_AUDIO),
    (Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER),
    (Act.DECLINE, Act.BLOCK),
    (Act.RESUME, Act.HOLD, Act.HANG_UP),
    (Act.SAVE, Act.TRUST),
    (Act.CONFIRM,),
    (Act.DIFFER,),
)


ONCE = (Act.SAVE, Act.TRUST, Act.CONFIRM, Act.DIFFER)
"Actions that are done once. After that, the message no longer offers them."

OPENS = frozenset(
    (Act.ANSWER, Act.ANSWER_AUDIO, Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER, Act.RESUME, Act.TRUST, Act.CONFIRM)
)
"Actions that open microphone and camera or trust somebody. They are done only if the tap is recent."


def rows_for(acts: Sequence[Act], call: str, words: str = "", contact: ShownContact | None = None) -> Rows:
    """The buttons of a message about a call or contact, always in the same order and rows.

    CONFIRM confirms `words`, and TRUST trusts `contact`. An action that lacks its object gets no button.
    """
    rows = tuple(
        tuple(
            Button(ACTS[act], data=data_for(_action(act, call, words, contact)))
            for act in row
            if act in acts and (contact is not None if act is Act.TRUST else call)
        )
        for row in _ROWS
    )
    return tuple(row for row in rows if row)


def handset_row(address: str) -> Rows:
    """The row with the button that opens the handset page."""
    return ((Button(HANDSET_WORDS, url=address),),)


def data_for(action: Action) -> str:
    """The callback data of a button."""
    data = f"{action.act}:{action.contact or action.call}" + (f":{action.words}" if action.words else "")
    assert len(data.encode()) <= CALLBACK_DATA_BYTES
    return data


def action_for(data: str) -> Action | None:
    """The action of a tapped button. None if the data isn't from our buttons."""
    act, _, rest = data.partition(":")
    if act == Act.TRUST:
        contact = ShownContact.parse(rest)
        return Action(Act.TRUST, "", contact=contact) if contact is not None else None
    call, _, words = rest.partition(":")
    try:
        return Action(Act(act), call, words) if call else None
    except ValueError:
        return None


def _action(act: Act, call: str, words: str, contact: ShownContact | None) -> Action:
    if act is Act.TRUST:
        return Action(act, "", contact=contact)
    return Action(act, call, words if act is Act.CONFIRM else "")


def copy_button(text: str) -> tuple[Button, ...]:
    """A button that copies a text. Empty if the text is too long for Telegram."""
    return (Button("Copy the link", copy=text),) if len(text) <= COPY_CHARACTERS else ()
