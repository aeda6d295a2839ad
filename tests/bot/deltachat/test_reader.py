"""What is stored of a message. Pure values in and out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.messengers.deltachat.account import SELF, ChatInfo, Message, Sender
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.reader import asks_whose_app, heard, is_app_call, is_in_clear
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.node_id import NodeId

OWNER, FRIEND = 12, 13
ALONE, GROUP = ChatInfo("Single", True), ChatInfo("Group", True)
SAVED = ChatInfo("Single", True, is_self_talk=True)
LINK = as_copybara(Card(node=NodeId(bytes(31) + b"\1"), sealing_key=bytes(32), name="anna").token)


def message(text: str, sender: int = OWNER, **changes: Any) -> Message:
    said = Message(1, 20, sender, text, 1000, show_padlock=True, sender=Sender(sender, "Somebody", True))
    return msgspec.structs.replace(said, **changes)


def test_the_owner_alone_commands_everything() -> None:
    entry = heard(message("/contacts"), ALONE, OWNER, "deltachat")
    assert entry is not None
    assert (entry.text, entry.chat, entry.from_owner, entry.alone) == ("/contacts", "deltachat:owner", True, True)


def test_in_a_group_the_owner_commands_calls_only() -> None:
    entry = heard(message("/call bob"), GROUP, OWNER, "deltachat")
    assert entry is not None
    assert (entry.text, entry.chat, entry.from_owner, entry.alone) == ("/call bob", "deltachat:group:20", True, False)
    for text in ("/contacts", "Hello!", "1", "/call@other_bot bob"):
        assert heard(message(text), GROUP, OWNER, "deltachat") is None


@pytest.mark.parametrize("typed", ["\u200e/call bob", "\ufeff/call bob\u200f", "\uff0fcall bob"])
def test_what_nobody_sees_before_a_command_takes_nothing_from_it(typed: str) -> None:
    for chat in (ALONE, GROUP):
        entry = heard(message(typed), chat, OWNER, "deltachat")
        assert entry is not None
        assert (entry.text, entry.from_owner) == ("/call bob", True)


def test_of_others_only_the_links_are_kept() -> None:
    entry = heard(message(f"Here you are: {LINK} See you!", FRIEND), ALONE, OWNER, "deltachat")
    assert entry is not None
    assert (entry.text, entry.chat, entry.from_owner, entry.writer) == (LINK, "deltachat:person:13", False, "13")
    for text in ("/contact trust eve", "1", "Hello!"):
        assert heard(message(text, FRIEND), ALONE, OWNER, "deltachat") is None


@pytest.mark.parametrize(
    "changes",
    [{"is_forwarded": True}, {"is_bot": True}, {"override_sender_name": "Anna"}],
    ids=["forwarded", "written by a program", "under another name"],
)
def test_what_the_owner_did_not_type_commands_nothing(changes: dict[str, Any]) -> None:
    entry = heard(message("/contact trust eve", **changes), ALONE, OWNER, "deltachat")
    assert entry is not None
    assert (entry.text, entry.passed_on) == ("", True)
    assert heard(message("/call eve", **changes), GROUP, OWNER, "deltachat") is None
    with_link = heard(message(f"/call eve {LINK}", **changes), GROUP, OWNER, "deltachat")
    assert with_link is not None
    assert (with_link.text, with_link.passed_on) == (LINK, True)


def test_what_was_not_encrypted_counts_for_nothing() -> None:
    for text in ("/call bob", LINK):
        clear = message(text, show_padlock=False)
        assert heard(clear, ALONE, OWNER, "deltachat") is None
        assert heard(message(text), ChatInfo("Single", False), OWNER, "deltachat") is None
        assert is_in_clear(clear, OWNER)
    assert not is_in_clear(message("Hello!", show_padlock=False), OWNER)


def test_by_the_configuration_others_links_count_unencrypted_and_nothing_else() -> None:
    clear = message(f"/call bob {LINK}", FRIEND, show_padlock=False)
    entry = heard(clear, ChatInfo("Single", False), OWNER, "deltachat", unencrypted=True)
    assert entry is not None
    # It doesn't teach who brought the link, because anybody could have written that.
    assert (entry.text, entry.chat, entry.from_owner, entry.writer) == (LINK, "deltachat:person:13", False, "")
    assert not is_in_clear(clear, OWNER, unencrypted=True)
    command = message("/call bob", FRIEND, show_padlock=False)
    assert heard(command, ChatInfo("Single", False), OWNER, "deltachat", unencrypted=True) is None
    assert is_in_clear(command, OWNER, unencrypted=True)
    for owners in (message(LINK, show_padlock=False), message("/call bob", show_padlock=False)):
        assert heard(owners, ALONE, OWNER, "deltachat", unencrypted=True) is None
        assert is_in_clear(owners, OWNER, unencrypted=True)


def from_own_device(text: str, **changes: Any) -> Message:
    """A message that the owner has written on another device of the bot's account."""
    return message(text, SELF, **{"received_timestamp": 1001, **changes})


def test_as_another_device_of_the_owners_account_saved_messages_command_everything() -> None:
    entry = heard(from_own_device("/contacts"), SAVED, SELF, "deltachat")
    assert entry is not None
    assert (entry.text, entry.chat, entry.from_owner, entry.alone) == ("/contacts", "deltachat:owner", True, True)
    assert asks_whose_app(from_own_device("/contact deltachat bob"), SAVED, SELF) == "bob"
    assert asks_whose_app(from_own_device("/contact deltachat  Ann Lee "), SAVED, SELF) == "Ann Lee"
    for chat in (ALONE, GROUP):
        assert heard(from_own_device("/contacts"), chat, SELF, "deltachat") is None
        assert asks_whose_app(from_own_device("/contact deltachat bob"), chat, SELF) == ""
        call = heard(from_own_device("/call bob"), chat, SELF, "deltachat")
        assert call is not None
        assert (call.chat, call.from_owner, call.alone) == ("deltachat:group:20", True, False)


@pytest.mark.parametrize(
    "changes",
    [{"received_timestamp": 0}, {"show_padlock": False}, {"is_info": True}, {"view_type": "Call"}],
    ids=["written by the bot itself", "in clear", "the core's own", "a call"],
)
def test_what_the_owners_other_device_did_not_write_encrypted_commands_nothing(changes: dict[str, Any]) -> None:
    for unencrypted in (False, True):
        assert heard(from_own_device("/call bob", **changes), SAVED, SELF, "deltachat", unencrypted=unencrypted) is None
    assert not is_app_call(from_own_device("", view_type="Call"))


def test_what_others_wrote_is_not_theirs_again_when_the_owner_saves_it() -> None:
    assert heard(message(LINK, FRIEND), SAVED, SELF, "deltachat") is None


def test_of_a_bots_own_account_other_devices_command_nothing() -> None:
    for chat in (ALONE, GROUP, SAVED):
        assert heard(from_own_device(f"/call bob {LINK}"), chat, OWNER, "deltachat") is None


@pytest.mark.parametrize(
    "changes",
    [{"is_info": True}, {"from_id": 1}, {"from_id": 5}, {"download_state": "Available"}, {"view_type": "Call"}],
)
def test_the_cores_own_messages_and_what_is_not_whole_are_not_read(changes: dict[str, Any]) -> None:
    assert heard(message("/call bob", **changes), ALONE, OWNER, "deltachat") is None


def test_channels_and_mailing_lists_are_not_read() -> None:
    for kind in ("InBroadcast", "OutBroadcast", "Mailinglist", ""):
        assert heard(message(LINK, FRIEND), ChatInfo(kind, True), OWNER, "deltachat") is None


def test_without_an_owner_nobody_commands() -> None:
    assert heard(message("/contacts"), ALONE, None, "deltachat") is None


def test_the_owner_is_kept_as_a_key() -> None:
    owner = Owner(12, "AB" * 20)
    assert Owner.read(owner.kept()) == owner
    for kept in (None, b"", b"12", b"anna AB", b"\xff"):
        assert Owner.read(kept) is None


@pytest.mark.parametrize("kept", [b"", b"12", b"\xff", b"9" * 5000 + b" AB", "\u0661 AB".encode(), b"-1 AB", b"1.5 AB"])
def test_an_owner_who_cannot_be_read_is_none(kept: bytes) -> None:
    assert Owner.read(kept) is None
    assert Owner.read(Owner(12, "AB").kept()) == Owner(12, "AB")
