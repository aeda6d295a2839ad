"""Tells the page what a link is, before it is used. Explaining changes nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

from bot.page.foreign import explained
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import foreign as foreign_texts
from bot.texts import page as handset_texts
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.link_reader import LinkReader, OwnLink, SaidLink
from peer.calls.moves import MovedLink
from peer.calls.switchboard import Switchboard
from peer.handset.protocol import Explained
from shared.call.table import State
from shared.contacts import Trust
from shared.errors import BadDescription
from shared.links.card import Card
from shared.links.kinds import BadLink, Found, Response, find
from shared.policy import Verdict
from shared.reasons import Reason
from shared.store import Store

KindOfLink = Literal["call", "response", "said", "card", "moved", "own", "unusable", "nothing"]


class Explainer:
    """Explains links to the page."""

    def __init__(self, reader: LinkReader, store: Store, switchboard: Switchboard) -> None:
        self._reader = reader
        self._store = store
        self._switchboard = switchboard
        self._lines = switchboard.lines

    def explain(self, text: str) -> Explained:
        """Say what the first link in a text is, or that there is none."""
        try:
            if (looked := self._switchboard.foreign.look(text)) is not None:
                return explained(looked, self._store)
        except BadDescription as bad:
            return _explained("", "unusable", bad.sentence)
        found = find(text)
        if not found:
            return _explained("", "nothing", handset_texts.NOTHING_THERE)
        token = found[0].token
        try:
            link = self._reader.open(token)
        except BadLink as bad:
            said = refusal(bad.reason, found[0])
            return _explained(token, "nothing" if said == handset_texts.NOTHING_THERE else "unusable", said)
        match link:
            case OwnLink():
                return _explained(token, "own", foreign_texts.OWN_LINK)
            case Card() if link.node == self._reader.own:
                own = _explained(token, "own", contact_texts.OWN_CARD)
                return msgspec.structs.replace(own, card_name=link.name, card_node=str(link.node))
            case Card():
                known = self._store.contact_of(link.node)
                return Explained(
                    token=token,
                    kind="card",
                    sentence=handset_texts.explained_card(link, known),
                    can_act=False,
                    button="",
                    card_name=link.name,
                    card_node=str(link.node),
                )
            case Response():
                if not any(_waits_for(line, link) for line in self._lines):
                    return _explained(token, "unusable", handset_texts.ANSWERS_NOTHING)
                return _explained(token, "response", handset_texts.explained_response(link), "Connect")
            case CallLink() if (line := self._line(link.reference)) is not None:
                return _explained(token, "unusable", handset_texts.already_here(line))
            case CallLink():
                contact = self._store.contact_of(link.peer)
                decision = self._switchboard.admission.decision(link)
                if decision.verdict in (Verdict.IGNORE, Verdict.BUSY):
                    return _explained(token, "unusable", texts.refusal(decision.reason).sentence)
                at_once = decision.verdict is Verdict.AUTO
                said = handset_texts.explained_call(link, contact, at_once=at_once)
                call = _explained(token, "call", said, "Answer" if at_once else "Let it ring")
                return msgspec.structs.replace(call, node=None if contact else str(link.peer), rings=not at_once)
            case MovedLink():
                contact = self._store.contact_of(link.before)
                if contact is None or contact.trust is Trust.BLOCK or not link.proven:
                    reason = Reason.UNKNOWN_CALLER if contact is None else Reason.UNPROVEN
                    return _explained(token, "unusable", texts.refusal(reason).sentence)
                button = "" if contact.other_announced(link.node) else "Accept the new node id"
                return _explained(token, "moved", handset_texts.explained_move(link, contact), button)
            case SaidLink() if self._line(link.said.reference) is None:
                return _explained(token, "unusable", handset_texts.OVER)
            case SaidLink():
                contact = self._store.contact_of(link.source)
                return _explained(token, "said", handset_texts.explained_said(link, contact), "Use it")

    def _line(self, reference: bytes) -> Line | None:
        """The call with that reference (8 bytes), if it isn't over."""
        return next((line for line in self._lines if line.link.reference == reference and not line.call.ended), None)


def _waits_for(line: Line, response: Response) -> bool:
    """Whether the line is our call, waits for a response, and this response claims to be for it."""
    request = line.link.request
    return line.call.state is State.CALLING and request is not None and response.answers(request)


def refusal(reason: Reason, link: Found | None) -> str:
    """Why a link can't be used, as a sentence."""
    if link is None:
        return texts.refusal(reason).sentence
    if reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not link.prefixed:
        return handset_texts.NOTHING_THERE
    return texts.refusal(reason, link.token).sentence


def _explained(token: str, kind: KindOfLink, sentence: str, button: str = "") -> Explained:
    return Explained(token=token, kind=kind, sentence=sentence, can_act=bool(button), button=button)
