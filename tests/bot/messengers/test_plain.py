"""What messengers without buttons share: where a post goes, what it says, and what is stored of a message."""

from __future__ import annotations

import msgspec
import pytest

from bot.assistant.commands import is_command
from bot.conversation import Act, Action, Post
from bot.kinds import Kind, Sentence
from bot.messengers.kept_call import KeptCall, kept_from
from bot.messengers.kept_text import is_about_a_call, links_in
from bot.messengers.numbered_choices import NumberedChoices
from bot.messengers.outbox import Priority
from bot.messengers.plain import replies, values
from bot.messengers.plain.compose import compose
from bot.messengers.plain.places import Place, PlainWay, place_of
from bot.messengers.plain.values import Heard, Outgoing, Own
from bot.shown_contact import ShownContact
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from shared.call.table import Call, State
from shared.contacts import Contact
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role

OWNER = Place("wire", PlainWay.OWNER).chat
ANNA = Contact(name="anna", node=NodeId(bytes(31) + b"\1"), created=1)
LINK = Sentence(Kind.LINK_REQUEST, "copybara:abc")


@pytest.mark.parametrize(
    "place", [Place("wire", PlainWay.PERSON, "a:b"), Place("wire", PlainWay.GROUP, "7"), Place("wire", PlainWay.OWNER)]
)
def test_a_conversation_is_known_by_its_name(place: Place) -> None:
    assert place_of("wire", place.chat) == place


@pytest.mark.parametrize("chat", ["", "chat", "other:person:7", "wire:person", "wire:person:", "wire:nobody:7"])
def test_every_other_name_is_the_owners_own_conversation(chat: str) -> None:
    assert place_of("wire", chat) == Place("wire", PlainWay.OWNER)


def test_a_link_that_the_owner_asked_for_in_a_group_goes_there() -> None:
    message = compose(Post("chat", LINK, "abc", "wire:group:7", contact=ANNA), "wire", known="5")
    assert (message.chat, message.text, message.urgency) == ("wire:group:7", "copybara:abc", Priority.LINK)


@pytest.mark.parametrize(
    ("known", "brought", "chat"),
    [
        ("5", "5", "wire:group:7"),
        ("5", "", "wire:group:7"),
        ("5", "6", "wire:person:5"),
        ("5", None, "wire:person:5"),
        (None, "6", "wire:group:7"),
    ],
)
def test_in_a_group_a_contact_is_answered_where_they_or_the_owner_have_put_their_link(
    known: str | None, brought: str | None, chat: str
) -> None:
    line = Line(
        1,
        Call(Role.CALLEE, paired=True, state=State.CONNECTING),
        CallLink(ANNA.node, Media.BOTH, created=1, proven=True),
        chat="wire:group:7",
        expires=2,
        shown=Presented("anna"),
    )
    post = Post("chat", LINK, "abc", "wire:group:7", line=line, contact=ANNA)
    assert compose(post, "wire", known=known, brought=brought).chat == chat


@pytest.mark.parametrize("place", ["wire:group:7", "wire:person:6"])
def test_an_answer_to_a_link_that_came_to_no_call_goes_to_the_contact_or_the_owner_and_to_nobody_who_brought_it(
    place: str,
) -> None:
    post = Post("chat", LINK, "abc", place, contact=ANNA, answers=True)
    assert compose(post, "wire", known="5").chat == "wire:person:5"
    assert compose(post, "wire", known=None).chat == OWNER


def test_a_link_asked_for_alone_goes_to_who_writes_the_contacts_links() -> None:
    message = compose(Post("chat", LINK, "abc", OWNER, contact=ANNA), "wire", known="5")
    assert message.chat == "wire:person:5"
    assert message.instead[0].chat == OWNER


def test_a_link_for_somebody_whose_chat_is_not_known_is_handed_to_the_owner() -> None:
    message = compose(Post("chat", LINK, "abc", OWNER, contact=ANNA), "wire")
    assert message.chat == OWNER
    assert message.text.endswith("copybara:abc")
    assert "anna" in message.text


def test_an_answer_goes_to_who_writes_the_contacts_links_and_not_to_who_brought_one() -> None:
    message = compose(Post("chat", LINK, "abc", "wire:person:6", contact=ANNA), "wire", known="5")
    assert message.chat == "wire:person:5"


def test_a_strangers_link_is_answered_where_it_came_from() -> None:
    assert compose(Post("chat", LINK, "abc", "wire:person:6"), "wire").chat == "wire:person:6"


def test_what_the_owner_can_do_stands_below_as_numbers() -> None:
    choices = NumberedChoices().offer([Act.ANSWER, Act.DECLINE], "call", 1.0)
    message = compose(Post("owner", Sentence(Kind.RINGS, "anna is calling.")), "wire", choices=choices)
    assert message.text == "anna is calling.\nReply 1: Answer, 2: Decline"
    assert message.urgency is Priority.ANSWER


def test_the_number_that_confirms_words_carries_them() -> None:
    line = Line(
        1,
        Call(Role.CALLEE, paired=False, state=State.ACTIVE),
        CallLink(ANNA.node, Media.BOTH, created=0),
        chat=OWNER,
        expires=600,
        connection=ConnectionState(Media.BOTH),
        shown=Presented("anna", phrase="bar casual negative verify", quarantined=True),
    )
    post = Post("owner", Sentence(Kind.WORDS, "Compare these words."), actions=(Act.CONFIRM,), line=line)
    choices = NumberedChoices().offer(replies.offers(post), "call", 1.0)
    message = compose(post, "wire", choices=choices)
    assert message.text == "Compare these words.\nReply 1: The words are the same"
    (choice,) = choices
    assert replies.action(choice.what, choice.about) == Action(Act.CONFIRM, "call", "bar casual negative verify")


def test_the_number_that_trusts_names_its_contact_also_after_a_restart() -> None:
    post = Post("owner", Sentence(Kind.CONTACT_SAVED, "Saved anna."), actions=(Act.TRUST,), contact=ANNA)
    open_now = NumberedChoices()
    (choice,) = open_now.offer(replies.offers(post), replies.subject(post), 1.0)
    assert compose(post, "wire", choices=[choice]).text == "Saved anna.\nReply 1: Answer automatically"
    kept = NumberedChoices(open_now.to_bytes()).meant(choice.number)
    assert kept is not None
    assert replies.action(kept.what, kept.about) == Action(Act.TRUST, "", contact=ShownContact.of(ANNA))


def test_a_number_of_an_earlier_version_that_named_a_call_trusts_nobody() -> None:
    action = replies.action("trust", "0123456789abcdef")
    assert action is not None
    assert action.contact is None


@pytest.mark.parametrize("act", list(Act))
def test_every_act_comes_back_from_its_number(act: Act) -> None:
    post = Post("owner", Sentence(Kind.RINGS, "anna is calling."), actions=(act,))
    assert [replies.action(what, "call") for what in replies.offers(post)] == [Action(act, "call")]


def test_a_wires_own_choice_is_no_action() -> None:
    assert replies.action("claim", "call") is None


def test_plain_news_of_one_source_share_a_message_up_to_its_length() -> None:
    one, other = Outgoing("one", OWNER), Outgoing("two", OWNER)
    assert (joined := one.joined(other)) is not None
    assert joined.text == "one\ntwo"
    assert one.joined(Outgoing("x" * 4000, OWNER)) is None
    assert one.joined(Outgoing("two", OWNER, file="/recording")) is None


def test_of_other_peoples_messages_only_the_links_are_kept() -> None:
    assert links_in("Hello, I have a secret. copybara:nothing") == ""
    assert not is_about_a_call("/contacts")


@pytest.mark.parametrize("before", ["", " ", "\u200b", "\ufeff", "\u2060\n"])
@pytest.mark.parametrize("command", ["/call anna", "/ANSWER", "/call@a-b anna", "/say now", "/sdp answer anna v=0"])
def test_a_command_for_now_is_known_as_one_however_it_is_written(before: str, command: str) -> None:
    assert is_command(before + command)
    assert is_about_a_call(before + command)


@pytest.mark.parametrize("entry", [Heard("text", OWNER, from_owner=True), Own(b"\xff\0")])
def test_entries_come_back_from_the_journal_as_they_were(entry: values.Entry) -> None:
    assert values.entry_from(values.to_bytes(entry)) == entry


def test_what_another_version_has_written_is_known_as_such() -> None:
    with pytest.raises(msgspec.MsgspecError):
        values.entry_from(b'{"type": "tapped"}')
    assert kept_from(b"[]", KeptCall) is None
