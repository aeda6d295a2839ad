"""What the owner reads about calls of Delta Chat itself."""

from __future__ import annotations

from bot.kinds import Kind, Sentence
from bot.texts.chat import shown
from shared.contacts import Contact
from shared.errors import CopybaraError

NO_CONTACT = "That contact isn't there any more.", "/contacts lists those that are."

NO_KEY = "That Delta Chat has no key any more.", "Ask them to write to me, and choose again: /contact deltachat NAME"

KEY_DIGITS = 8
"How many hexadecimal digits of a fingerprint are shown, to distinguish people with the same name."


def whose(name: str, fingerprint: str, contact: Contact) -> Sentence:
    """A call came from a contact's node, with an app that the owner hasn't assigned to anyone."""
    known = f" Until now another key was {contact.name}'s." if contact.deltachat_contact is not None else ""
    return Sentence(
        Kind.BOT_WHOSE_APP,
        f"The call names {contact.name}'s address, and came from {_who(name, fingerprint)} in Delta Chat.{known} "
        f"If you know that this is {contact.name}'s own app, say so: then its calls prove who is calling.",
    )


def this_is(contact: Contact) -> str:
    """The choice below that sentence."""
    return f"This is {contact.name}"


def which(contact: Contact, *, more: bool = False) -> Sentence:
    """After `/contact deltachat NAME`, above the choices. `more`: there are others who wrote longer ago."""
    others = f"These are those who wrote last. Somebody else? Let {contact.name} write to me, and ask again."
    return Sentence(Kind.BOT_WHOSE_APP, f"Which of these is {contact.name}'s own Delta Chat?", others if more else "")


def candidate(name: str, fingerprint: str) -> str:
    """One of the choices."""
    return _who(name, fingerprint)


NONE_OF_THEM = "None of them"


def nobody_there(contact: Contact) -> Sentence:
    """After `/contact deltachat NAME`, if there is nobody to choose from."""
    return Sentence(
        Kind.BOT_WHOSE_APP,
        f"I know nobody in Delta Chat who could be {contact.name}. Make a group with {contact.name} and me, and ask "
        "again once they have written there.",
    )


def is_tied(contact: Contact) -> Sentence:
    """The owner has said whose app it is."""
    return Sentence(
        Kind.BOT_APP_TIED,
        f"Calls of {contact.name}'s Delta Chat now prove who is calling. To ring it with /call {contact.name}: "
        f"/contact program {contact.name} deltachat",
    )


def is_untied(contact: Contact) -> Sentence:
    """The owner has withdrawn that."""
    return Sentence(Kind.BOT_APP_TIED, f"No Delta Chat is {contact.name}'s any more.")


def not_tied(contact: Contact | None) -> tuple[str, str]:
    """A call can't be placed, because the contact has no app."""
    if contact is None:
        return "Only a contact's Delta Chat can be called.", "Save them first: /contact add NAME NODE-ID"
    return (
        f"I don't know which Delta Chat is {contact.name}'s.",
        f"Write in your own Delta Chat chat with me: /contact deltachat {contact.name}",
    )


def came_to_nothing(name: str, error: CopybaraError) -> Sentence:
    """Somebody pressed the call button, and the call failed."""
    text = f"{shown(name, 60)} called me with Delta Chat's own call button, and I can't answer: {error.sentence}"
    return Sentence(Kind.BOT_APP_CALL, text, error.hint)


def outside_overlay(name: str, contact: Contact | None) -> Sentence:
    """None of the call's addresses belongs to a contact's node."""
    who = shown(name, 60)
    node = f"{contact.name}'s node {contact.node.short}…" if contact is not None else "a node in your contacts"
    return Sentence(
        Kind.BOT_APP_CALL,
        f"{who} called me with Delta Chat's own call button. I haven't answered: none of the addresses that their app "
        f"offers belongs to {node}, and an answer would show yours to others.",
        f"{who} needs the overlay's app (such as Yggdrasil) running on the same phone or computer"
        + (
            ", with that node's key." if contact is not None else ", and you need their node: /contact add NAME NODE-ID"
        ),
    )


def too_late(name: str) -> Sentence:
    """The call was over when it was read."""
    return Sentence(Kind.MISSED, f"You missed a call from {shown(name, 60)}, made with Delta Chat's own call button.")


def _who(name: str, fingerprint: str) -> str:
    return f"{shown(name, 60)} (key {fingerprint[:KEY_DIGITS]}…)"
