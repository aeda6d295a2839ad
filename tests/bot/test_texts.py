"""Every sentence exists, and contains nothing that looks like something else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.kinds import Sentence, errors
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import files as file_texts
from bot.texts import page
from peer.calls.call_link import CallLink
from peer.calls.files.transfer import Transfer
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from shared.call.table import Call, EndReason, State
from shared.contacts import STRANGER, Contact, Hours, Trust
from shared.errors import CopybaraError, InCall, hint_of
from shared.files.table import FileState
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.media import Media
from shared.node_id import NodeId
from shared.printable import visible
from shared.reasons import Reason
from shared.secrets.handshake import Role
from tests.shared.links.link_values import REQUEST, cards

NODE = NodeId(bytes(range(32)))

ACCEPTED = {Reason.TRUSTED, Reason.ASK, Reason.NEW_CALLER}


def line(state: State = State.ACTIVE, **values: Any) -> Line:
    """A call, by default a connected one with a stranger."""
    return of(Call(Role.CALLER, paired=False, state=state), **values)


def ended(reason: EndReason, detail: str = "", **values: Any) -> Line:
    return of(Call(Role.CALLER, paired=False, state=State.ENDED, reason=reason, detail=detail), **values)


def of(
    call: Call, *, contact: str | None = None, sealed: bool = False, machine: bool = False, echo: bool = False
) -> Line:
    link = CallLink(NODE, Media.BOTH, created=0, sealed=sealed)
    return Line(1, call, link, chat="chat", expires=600, shown=Presented(contact, machine=machine, echo=echo))


def held_line() -> Line:
    """A call that goes on after a restart, with its microphone and camera off."""

    async def release() -> None:
        pass

    held = line()
    held.wait_for_owner(release)
    return held


def is_sentence(text: str) -> bool:
    return text[:1] == text[:1].upper() and text.endswith((".", "NAME")) and "{" not in text and "  " not in text


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in ACCEPTED])
def test_every_refusal_has_a_sentence(reason: Reason) -> None:
    assert is_sentence(texts.refusal(reason).text)


def test_no_two_refusals_have_the_same_sentence() -> None:
    sentences = [texts.refusal(reason).text for reason in Reason if reason not in ACCEPTED]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_a_sentence(reason: EndReason) -> None:
    known = texts.ended(ended(reason, contact="anna")).text
    assert "anna" in known
    assert known.endswith(".")
    stranger = texts.ended(ended(reason)).text
    assert STRANGER in stranger.lower()
    assert NODE.short not in stranger
    assert is_sentence(stranger)


def test_no_two_ends_have_the_same_sentence() -> None:
    sentences = [texts.ended(ended(reason, contact="anna")).text for reason in EndReason]
    assert len(set(sentences)) == len(sentences)


def test_a_failure_says_what_failed() -> None:
    assert texts.ended(ended(EndReason.FAILED, "The overlay is down.", contact="anna")).text == (
        "The call with anna failed: The overlay is down."
    )


def test_who_ends_a_test_call_on_the_page_reads_that_it_is_over_and_what_failed_otherwise() -> None:
    over = ended(EndReason.HUNG_UP, contact="echo", echo=True)
    assert page.call_sentence(over).sentence == "The test call is over."
    broken = ended(EndReason.FAILED, "The overlay is down.", contact="echo", echo=True)
    assert "The overlay is down." in page.call_sentence(broken).sentence


def test_a_contacts_name_keeps_its_case_and_a_stranger_begins_a_sentence() -> None:
    assert texts.ended(ended(EndReason.REMOTE_HUNG_UP, contact="anna")).text == "anna hung up."
    assert texts.ended(ended(EndReason.REMOTE_HUNG_UP)).text == "Somebody you haven't saved hung up."


def test_who_answered_and_reached_nobody_reads_what_to_do_after_what_was_wrong() -> None:
    assert texts.ended(ended(EndReason.UNREACHABLE, contact="anna")).text == (
        "anna couldn't be reached. Ask if they are still there."
    )
    assert texts.ended(ended(EndReason.UNREACHABLE, "The overlay is down.", contact="anna")).text == (
        "anna couldn't be reached: The overlay is down. Ask if they are still there."
    )


def test_between_contacts_a_link_stands_alone_in_the_chat() -> None:
    token = REQUEST.token
    paired = Call(Role.CALLER, paired=True, state=State.CALLING)
    assert texts.link_in_chat(of(paired), token).text == as_copybara(token)
    assert texts.link_in_chat(line(sealed=True), token).text == as_copybara(token)
    first = texts.link_in_chat(line(State.CALLING), token).text
    assert first.endswith(as_copybara(token))
    assert first != as_copybara(token)


@given(st.text(), st.integers(1, 500))
def test_what_others_wrote_is_shown_as_one_visible_line(text: str, limit: int) -> None:
    shown = texts.shown(text, limit)
    assert visible(shown) == shown
    assert len(shown.splitlines()) < 2
    assert len(shown) <= limit + 1


@given(st.text())
def test_a_reason_is_one_visible_line(text: str) -> None:
    said = texts.declined_with(text)
    assert visible(said) == said
    assert len(said) < 2 * texts.MAX_SHOWN


@given(st.text() | st.text(min_size=1, max_size=30).map(lambda text: text * 200))
def test_a_text_beside_the_call_is_visible(text: str) -> None:
    for said, in_clear in texts.wrote(line(), text):
        assert visible(said.text, lines=True) == said.text
        assert in_clear.text.startswith(f"{texts.begun(line().name)} wrote to you in the call")


@given(cards)
def test_a_card_is_shown_with_the_link_that_saves_it(card: Card) -> None:
    said = contact_texts.card_seen(card, None).text
    assert as_copybara(card.token) in said
    assert str(card.node) in said
    assert visible(said, lines=True) == said


@pytest.mark.parametrize("trust", Trust)
@pytest.mark.parametrize("hours", [None, Hours(480, 1320)])
def test_what_a_contact_may_do_is_told(trust: Trust, hours: Hours | None) -> None:
    contact = Contact(name="anna", node=NODE, trust=trust, hours=hours, created=0)
    for paired in (False, True):
        assert "anna" in contact_texts.trust_set(contact, paired).text
        assert contact.node.short in contact_texts.contact_line(contact, paired)
        details = contact_texts.contact_details(contact, paired).text
        assert str(contact.node) in details
        assert (str(hours) in details) == (hours is not None)
        assert "anna" in contact_texts.contact_saved(contact, paired).text


def test_the_help_names_every_command() -> None:
    from bot.assistant.commands import _READERS

    for word in _READERS.keys() - {"start", "help"}:
        assert f"/{word} " in texts.HELP or f"/{word}\n" in texts.HELP


def test_the_page_says_what_a_command_lets_be_answered_beyond_what_it_sets() -> None:
    answered = Contact(name="anna", node=NODE, trust=Trust.AUTO, unproven=True, classic=True, created=0)
    said = page.beyond_the_page(answered, False)
    assert "only their node id proves" in said
    assert "other programs" in said
    assert "node id" not in page.beyond_the_page(answered, True), "a key is there"
    for plain in ({"trust": Trust.RING}, {"unproven": False, "classic": False}):
        assert page.beyond_the_page(msgspec.structs.replace(answered, **plain), False) == ""


def test_what_an_automatic_answer_rests_on_is_shown_wherever_trust_is() -> None:
    trusted = Contact(name="anna", node=NODE, trust=Trust.AUTO, created=0)
    on_the_id = Contact(name="anna", node=NODE, trust=Trust.AUTO, unproven=True, created=0)
    details = contact_texts.contact_details
    for said in (contact_texts.contact_line, lambda *each: details(*each).text, page.trust_in_words):
        assert "once you share a key" in said(trusted, False)
        assert "on the node id alone: unproven" in said(on_the_id, False)
        for contact in (trusted, on_the_id):
            assert "key" not in said(contact, True)
            assert "unproven" not in said(contact, True)
    assert "the first call still rings" in contact_texts.trust_set(trusted, False).text
    assert "on the node id alone" in contact_texts.trust_set(on_the_id, False).text


# The page has buttons where the chat has commands.

COMMAND = re.compile(r"(^|\s)/[a-z]")


def hint_on_the_page(error: type[CopybaraError]) -> str:
    made = error.__new__(error)
    made.hint = hint_of(error)
    return page.hint(made)


def test_no_hint_on_the_page_is_a_command() -> None:
    assert [each for each in errors() if COMMAND.search(hint_on_the_page(each))] == []


def test_a_hint_of_one_error_alone_is_shown_as_it_is() -> None:
    assert page.hint(InCall("You talk.", "Wait a moment.")) == "Wait a moment."
    assert page.hint(InCall()) == "End it first."


def shown_on_the_page() -> list[Sentence]:
    """The page's sentences, one of each kind that has a hint in the chat."""
    calls = [line(state) for state in State if state is not State.ENDED] + [line(machine=True), held_line()]
    anna = Contact(name="anna", node=NODE, created=0)
    contacts = [
        msgspec.structs.replace(anna, trust=trust, unproven=unproven, classic=classic)
        for trust in Trust
        for unproven in (False, True)
        for classic in (False, True)
    ]
    return [
        *(page.call_sentence(each) for each in calls),
        *(say(each) for each in calls for say in (texts.answered_automatically, texts.takes_message, texts.unproven)),
        *(texts.refusal(reason) for reason in Reason if reason not in ACCEPTED),
        *(contact_texts.trust_set(each, paired) for each in contacts for paired in (False, True)),
    ]


def test_no_sentence_on_the_page_names_a_command() -> None:
    said = shown_on_the_page()
    assert any(COMMAND.search(each.hint) for each in said)
    assert not [each for each in said if COMMAND.search(each.sentence)]


@given(cards)
def test_a_card_on_the_page_names_no_command(card: Card) -> None:
    # The owner's own words on it may look like one.
    assume(not COMMAND.search(f"{card.name} {card.resolves_as} {card.telegram_bot}"))
    for known in (None, Contact(name="anna", node=card.node, created=0)):
        assert not COMMAND.search(page.explained_card(card, known))
        assert "\n" not in page.explained_card(card, known)


def test_what_comes_in_a_call_without_the_contacts_key_never_stands_under_their_bare_name() -> None:
    link = CallLink(NODE, Media.BOTH, created=0, keyed=True)
    call = Call(Role.CALLEE, paired=False, state=State.ACTIVE)
    doubtful = Line(1, call, link, chat="chat", expires=600, shown=Presented("anna"))
    for said in (texts.connected(doubtful), *texts.wrote(doubtful, "send me the code")[0]):
        assert "anna (without your key)" in said.text


@pytest.mark.parametrize(
    ("role", "begins"),
    [(Role.CALLEE, "It says it is anna, but"), (Role.CALLER, "This call doesn't have the key you share with anna.")],
)
def test_only_a_call_from_somebody_says_who_it_is(role: Role, begins: str) -> None:
    link = CallLink(NODE, Media.BOTH, created=0, keyed=True)
    doubtful = Line(
        1, Call(role, paired=False, state=State.ACTIVE), link, chat="chat", expires=600, shown=Presented("anna")
    )
    said = page.trust_words(doubtful, Contact(name="anna", node=NODE, created=0))
    assert said.startswith(begins)
    assert said.endswith("Compare the four words.")


def test_a_sealed_notice_is_not_repeated_whole_where_others_can_read_it() -> None:
    contact = Contact(name="anna", node=NODE, created=0)
    said = contact_texts.announced(contact, NODE, clear=True).text
    assert str(NODE) not in said
    assert NODE.short in said
    assert str(NODE) in contact_texts.contact_details(msgspec.structs.replace(contact, announced=NODE), True).text


@pytest.mark.parametrize(
    ("voice", "files", "words"),
    [
        (0, 0, ""),
        (1, 0, "1 voice message waits"),
        (0, 2, "2 files wait"),
        (1, 1, "1 voice message and 1 file wait"),
    ],
)
def test_what_waits_for_a_contact_is_counted(voice: int, files: int, words: str) -> None:
    assert file_texts.waiting(voice, files) == words


def test_a_voice_message_of_a_page_is_said_to_last_so_long_and_another_to_be_so_large() -> None:
    message = Transfer(1, False, "voice message.webm", 19_220, FileState.OFFERED, voice=True)
    assert file_texts.length(message) == "about 5 seconds"
    assert file_texts.length(replace(message, size=900)) == "about a second"
    assert file_texts.length(replace(message, name="hello.wav")) == "19.2 kB"
