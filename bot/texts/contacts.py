"""What the bot says of contacts: who is saved, with which key and trust, contact cards, and new node ids. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import Kind, Sentence
from bot.texts import foreign
from bot.texts.chat import shown
from peer.media.endpoint_kinds import only_for_trusted
from shared.contacts import Contact, Trust
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.node_id import NodeId
from shared.typed import in_shell

CONTACTS_A_PAGE = 25
"Lines of the contact list in one message: as many as always fit into it, whatever people are called."


_TRUST = {
    Trust.AUTO: "answered automatically",
    Trust.RING: "rings",
    Trust.BLOCK: "blocked",
}


CONFIRMED_IN_CLEAR = (
    "The page begins with your microphone and camera off then, for the words of their key were confirmed where others "
    "can write in your place. Compare them once more on the page, in your next call, and that is over."
)


def confirmed(contact: Contact, words: str) -> Sentence:
    """After /contact confirm."""
    text = f"Confirmed {contact.name} by the words: {words}. The key from that call is the only one from now on."
    if contact.trust is Trust.AUTO and contact.confirmed_in_clear:
        text += (
            " Others could confirm that in your place, so automatic answers begin with your microphone and camera off, "
            "until you confirm the words of another call on your computer's page."
        )
    return Sentence(Kind.CONTACT_CONFIRMED, text)


def renewing(contact: Contact) -> Sentence:
    """After /contact renew."""
    return Sentence(
        Kind.CONTACT_RENEWS,
        f"The next time you call {contact.name} you agree on a new key. The call rings there as unproven: compare the "
        "four words, and confirm them where you are asked to. If you both still have the same key, there is nothing to "
        "confirm.",
        f"To call: /call {contact.name}",
    )


def moved_in_chat(token: str) -> Sentence:
    """The message in the chat that tells a contact our new node id."""
    return Sentence(Kind.LINK_MOVED, as_copybara(token))


def announced(contact: Contact, node: NodeId, *, clear: bool = False) -> Sentence:
    """A contact's notice: they have another node now, this one. `clear`: without the whole node id, for the notice is
    sealed.
    """
    several = bool(contact.other_announced(node))
    others = f" Another new node id was announced, too: somebody has {contact.name}'s key." if several else ""
    return Sentence(
        Kind.CONTACT_ANNOUNCED,
        f"{contact.name} says that their node id is now {f'{node.short}…' if clear else node}. The key you share "
        "proves that the link is theirs, or of somebody who has stolen that key: ask them by voice or in person. "
        f"Nothing changes until you accept.{others}",
        f"To accept: /contact move {contact.name} {'NODE' if several else node.short}"
        + (f"\nThe whole node id, at my computer: copybara contacts show {in_shell(contact.name)}" if clear else ""),
    )


def moved(contact: Contact) -> Sentence:
    """After /contact move."""
    rings = f" {contact.name}'s calls ring, and files wait for you, until you say otherwise."
    if contact.trust is Trust.BLOCK:
        rings = ""
    return Sentence(
        Kind.CONTACT_MOVED,
        f"{contact.name}'s node id is now {contact.node.short}….{rings}",
        f"To answer automatically again: /contact trust {contact.name}",
    )


def moved_notice(contacts: int) -> str:
    """What the owner should know at the start of a home that has a new node id, until every contact has used it."""
    return (
        f"Your node id has changed, and contacts don't know the new one yet ({contacts}). "
        "Tell each of them, then let them call you: /contact tell NAME"
    )


def key_unknown_since_move(names: list[str], *, more: bool = False) -> Sentence:
    """A link that no key opens, in a home whose node id has changed."""
    return Sentence(
        Kind.LINK_KEY_UNKNOWN,
        f"A link came that your keys don't open. Your node id has changed, so it may be from "
        f"{' or '.join(names)}{' or others' if more else ''}, who doesn't know the new one.",
        f"Tell them: /contact tell {names[0]}",
    )


def key_unknown(names: list[str], *, more: bool = False) -> Sentence:
    """A link that none of the keys of a restored home opens."""
    return Sentence(
        Kind.LINK_KEY_UNKNOWN,
        f"A link came that your keys don't open. Your home was restored from a backup, so it may be from "
        f"{' or '.join(names)}{' or others' if more else ''}, with a newer key.",
        f"Call them, compare the four words, and confirm them: /call {names[0]}",
    )


def restored_notice(contacts: int) -> str:
    """What the owner should know at the start of a home from a backup, until every contact is reached."""
    return (
        f"This home may have older keys than its contacts ({contacts}): it was restored from a backup. "
        "Call each of them once, and compare the four words. All calls ring until you allow more again, and whom you "
        "removed or blocked since the backup is a contact again: /contacts"
    )


def card(token: str, name: str) -> Sentence:
    """The owner's own card."""
    whose = f"{name}'s" if name else "Your"
    return Sentence(
        Kind.CARD, f"{whose} contact card. Send it to anyone who should be able to call you:\n{as_copybara(token)}"
    )


def card_seen(seen: Card, known: Contact | None, name: str = "NAME", *, others: int = 0) -> Sentence:
    """Somebody's card in a chat, and a name to save it under. `others`: how many more stand in the same message."""
    more = f"\nThe message has {others} more; send me those you want one at a time." if others else ""
    if known is not None:
        text = f"That is the card of {known.name}, who is already in your contacts."
        if not (new := _new_on(seen, known)):
            return Sentence(Kind.CARD_KNOWN, text, more)
        text += f" New on it: {new}. Nothing was changed."
        take = f"If it is really theirs: /contact add {known.name} {as_copybara(seen.token)}{more}"
        return Sentence(Kind.CARD_KNOWN, text, take)
    save = f"Save it with /contact add {name} {as_copybara(seen.token)}{more}"
    return Sentence(Kind.CARD_SEEN, f"That is a contact card: node {seen.node}", f"\n{save}")


OWN_CARD = "That is your own card. Send it to the other person, and paste theirs here."


def own_card_seen() -> Sentence:
    """The owner's own card in a chat."""
    return Sentence(Kind.CARD_OWN_SEEN, OWN_CARD)


def _new_on(seen: Card, known: Contact) -> str:
    """What a card says that isn't in the book, so that the owner can decide."""
    new = [
        f"{name} {shown(str(value))}"
        for name, value, ours in (
            ("another sealing key", "", known.sealing_key == seen.sealing_key),
            ("the name", seen.resolves_as, not seen.resolves_as or seen.resolves_as in known.resolves_as),
            ("the bot", f"@{seen.telegram_bot}", not seen.telegram_bot or seen.telegram_bot == known.telegram_bot),
            ("the Telegram user", seen.telegram_user, seen.telegram_user in (None, known.telegram_user)),
        )
        if not ours
    ]
    return ", ".join(map(str.strip, new))


def contacts(everybody: Sequence[tuple[Contact, bool]], page: int = 1) -> Sentence:
    """A page of the list, a line each: contacts, and whether we share a key with them."""
    if not everybody:
        return no_contacts()
    pages = -(-len(everybody) // CONTACTS_A_PAGE)
    page = min(max(1, page), pages)
    lines = [contact_line(*each) for each in everybody[(page - 1) * CONTACTS_A_PAGE : page * CONTACTS_A_PAGE]]
    if pages > 1:
        other = page + 1 if page < pages else 1
        last = (page - 1) * CONTACTS_A_PAGE + len(lines)
        shows = f"/contacts {other} shows the {'next' if page < pages else 'first'} ones"
        lines.append(f"{last - len(lines) + 1} to {last} of {len(everybody)} contacts. {shows}")
    return Sentence(Kind.CONTACT_LIST, "\n".join(lines))


def contact_line(contact: Contact, paired: bool) -> str:
    """One line of the list."""
    what = f" ({contact.media.words}){_on_what(contact, paired)}" if contact.trust is Trust.AUTO else ""
    return f"{contact.name}  {contact.node.short}…  {_TRUST[contact.trust]}{what}"


def _on_what(contact: Contact, paired: bool) -> str:
    """What an automatic answer rests on, unless that is a shared key."""
    if paired:
        return ""
    return ", on the node id alone: unproven" if contact.unproven else ", once you share a key; until then it rings"


def contact_details(contact: Contact, paired: bool) -> Sentence:
    """All that is known of a contact."""
    links = "one is enough: you have talked before" if paired else "a request and a response, until your first call"
    lines = [
        contact.name,
        f"node     {contact.node}",
        f"calls    {_TRUST[contact.trust]}, up to {contact.media.words}"
        + (_on_what(contact, paired) if contact.trust is Trust.AUTO else ""),
        f"links    {links}",
    ]
    announced = filter(None, (contact.announced, *contact.announced_before))
    lines += [f"says     that their node id is now {node}; you haven't accepted that" for node in announced]
    if contact.hours:
        lines.append(f"hours    {contact.hours}")
    if contact.endpoint:
        lines.append(f"answers  {contact.endpoint}")
    if contact.files:
        lines.append("files    accepted without asking")
    if contact.resolves_as:
        lines.append(f"found as {', '.join(contact.resolves_as)}")
    if contact.sealing_key:
        lines.append("card     yes: your first request to them is encrypted")
    if contact.deltachat_contact is not None:
        lines.append(f"deltachat calls of their app prove who is calling; key {contact.deltachat_key[:8]}…")
    telegram = [f"@{name}" for name in (contact.telegram_name, contact.telegram_bot) if name]
    if telegram or contact.telegram_user:
        doubt = " (no key proves it yet)" if contact != contact.without_unproven() else ""
        lines.append(f"telegram {', '.join(telegram) or contact.telegram_user}{doubt}")
    return Sentence(Kind.CONTACT_DETAILS, "\n".join(lines))


def no_contacts() -> Sentence:
    """An empty book."""
    return Sentence(Kind.NO_CONTACTS, "You have no contacts yet.", "With a friend's card: /contact add CARD")


def contact_saved(contact: Contact, paired: bool, unconfirmed: Sequence[str] = ()) -> Sentence:
    """After /contact add. `unconfirmed` are the words of calls with that node before it was saved."""
    again = "From now on one link is enough." if paired else "After your first call one link will be enough."
    text = f"Saved {contact.name}, node {contact.node.short}… {again}"
    if not unconfirmed:
        return Sentence(Kind.CONTACT_SAVED, text)
    other = "Another call" if paired else "Before you saved this node, a call"
    if len(unconfirmed) > 1:
        other = "Other calls" if paired else "Before you saved this node, different calls"
    words = unconfirmed[0] if len(unconfirmed) == 1 else "WORDS"
    return Sentence(
        Kind.CONTACT_SAVED,
        f"{text}\n{other} with it had these four words: {'; '.join(unconfirmed)}. "
        f"Nothing proves that it was {contact.name}.",
        f"If {contact.name} read the same four to you: /contact confirm {contact.name} {words}",
    )


def known_as(contact: Contact) -> Sentence:
    """After /contact add, of a contact who is there already."""
    return Sentence(Kind.CONTACT_KNOWN, f"{contact.name} is already in your contacts.")


def blocked_unproven(contact: Contact) -> Sentence:
    """After Block, under a call of a contact with whom we share no key yet."""
    text = f"{trust_set(contact, True).text} Nothing proved that this call was {contact.name}'s."
    return Sentence(Kind.CONTACT_BLOCKED, text, f"To undo it: /contact ring {contact.name}")


def trust_set(contact: Contact, paired: bool) -> Sentence:
    """After trust, ring or block; `paired`: we share a key with them."""
    match contact.trust:
        case Trust.AUTO if contact.classic:
            return Sentence(Kind.CONTACT_TRUSTED, *foreign.trusted(contact))
        case Trust.AUTO if not paired and not contact.unproven:
            text = (
                f"{contact.name}'s calls will be answered automatically ({contact.media.words}){_hours(contact)} once "
                f"you share a key: the first call still rings."
            )
            alone = f"To do without the key, on the node id alone: /contact trust {contact.name} unproven"
            return Sentence(Kind.CONTACT_TRUSTED, text, alone)
        case Trust.AUTO if not paired:
            text = (
                f"{contact.name}'s calls are now answered automatically ({contact.media.words}){_hours(contact)}, on "
                f"the node id alone: anyone who takes over their overlay address gets through until you share a key. "
                f"Where a microphone or a camera would answer, as on the page, they ring all the same."
            )
            return Sentence(Kind.CONTACT_TRUSTED, text, f"To undo it: /contact ring {contact.name}")
        case Trust.AUTO:
            text = (
                f"{contact.name}'s calls will now be answered automatically ({contact.media.words}){_hours(contact)}. "
                f"You'll see each one here."
            )
            if contact.trusted_in_clear:
                text += (
                    " The page begins with your microphone and camera off then, and no IP camera is shown, for others "
                    "could say that in your place. If you say it on your computer's page, that is over."
                )
            elif contact.confirmed_in_clear:
                text += f" {CONFIRMED_IN_CLEAR}"
            return Sentence(Kind.CONTACT_TRUSTED, text, f"To undo it: /contact ring {contact.name}")
        case Trust.RING:
            return Sentence(Kind.CONTACT_RINGS, f"{contact.name}'s calls will ring{_hours(contact)}.")
        case Trust.BLOCK:
            text = f"{contact.name} is blocked. Their calls get no answer and no reply."
            return Sentence(Kind.CONTACT_BLOCKED, text)


def program_set(contact: Contact) -> Sentence:
    """After /contact program."""
    return Sentence(Kind.CONTACT_PROGRAM, foreign.program(contact))


def endpoint_set(contact: Contact) -> Sentence:
    """After /contact endpoint."""
    if contact.endpoint is None:
        return Sentence(Kind.CONTACT_ENDPOINT, f"{contact.name}'s calls will be answered by the configured endpoint.")
    text = f"{contact.name}'s calls will be answered by {contact.endpoint}."
    if only_for_trusted(contact.endpoint) and contact.trust is not Trust.AUTO:
        text += " It is only for contacts whose calls are answered automatically."
        always = f"To let them see it at any time: /contact trust {contact.name}"
        return Sentence(Kind.CONTACT_ENDPOINT, text, always)
    return Sentence(Kind.CONTACT_ENDPOINT, text)


def renamed(old: str, contact: Contact) -> Sentence:
    """After rename."""
    return Sentence(Kind.CONTACT_RENAMED, f"{old} is now called {contact.name}.")


def removed(contact: Contact) -> Sentence:
    """After remove."""
    return Sentence(
        Kind.CONTACT_REMOVED, f"Removed {contact.name} and the keys you shared. Their calls now count as a stranger's."
    )


def _hours(contact: Contact) -> str:
    return f", {contact.hours}" if contact.hours else ""
