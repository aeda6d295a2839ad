"""What a device makes of the server's events: each message once, from its real sender, or nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.canonical import canonical, is_signed, with_signature
from bot.messengers.matrix.client import Client
from bot.messengers.matrix.heard import Audience, has_effect, heard
from bot.messengers.matrix.login import log_in
from bot.messengers.matrix.people import People, Standing
from bot.messengers.matrix.reading import RoomMessage, number_of
from bot.messengers.matrix.rooms import Rooms
from bot.messengers.matrix.vault import Vault
from bot.messengers.matrix.verification import Verification, VerificationStep
from shared.errors import InputError
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.matrix.devices import ROOM, Device, done, two
from tests.bot.telegram.burst import foreign_link

LINK = foreign_link()


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[tuple[Device, Device]]:
    yield from two(tmp_path)


def test_a_message_is_read_by_whom_it_was_written_for_and_is_its_persons(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    (message,) = bob.reads(_after_key(anna, bob, "hello")).messages
    assert (message.sender, message.content["body"]) == (anna.own.user, "hello")
    assert message.standing is Standing.VERIFIED


def _after_key(anna: Device, bob: Device, text: str) -> dict[str, Any]:
    bob.reads(to_device=(anna.room_key_for(bob),))
    return anna.says(text, "$1")


def test_the_same_event_again_has_the_same_number_and_any_other_use_of_it_is_nothing(
    devices: tuple[Device, Device],
) -> None:
    anna, bob = devices
    event = _after_key(anna, bob, "once")
    (first,) = bob.reads(event).messages
    (again,) = bob.reads(event).messages
    assert again.number == first.number  # the journal knows it
    assert bob.texts({**event, "event_id": "$2"}) == []
    assert bob.texts({**event, "origin_server_ts": event["origin_server_ts"] + 1}) == []


def test_messages_in_another_order_are_all_read_and_numbered_by_their_time(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    bob.reads(to_device=(anna.room_key_for(bob),))
    events = [anna.says(str(number), f"${number}", 1_800_000_000_000 + number) for number in range(5)]
    messages = bob.reads(*events[::-1]).messages
    assert [each.content["body"] for each in sorted(messages, key=lambda each: each.number)] == list("01234")


def test_a_message_whose_key_comes_later_waits_for_it_also_over_a_restart(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    key = anna.room_key_for(bob)
    event = anna.says("early", "$1")
    assert bob.texts(event) == []
    bob.keep()
    with Store(tmp_path / "bob") as store:
        again = Device(store, bob.own.user)
        assert again.own.ed25519 == bob.own.ed25519
        assert again.texts(to_device=(key,)) == ["early"]


def test_what_was_not_confirmed_is_read_again_after_a_kill(devices: tuple[Device, Device], tmp_path: Path) -> None:
    anna, bob = devices
    bob.keep()
    key = anna.room_key_for(bob)
    event = anna.says("hello", "$1")
    (first,) = bob.reads(event, to_device=(key,)).messages  # and nothing of that is on the disk
    with Store(tmp_path / "bob") as store:
        (again,) = Device(store, bob.own.user).reads(event, to_device=(key,)).messages
    assert again == first


def test_a_key_counts_for_its_room_and_its_sender_only(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    event = _after_key(anna, bob, "hello")
    assert bob.texts({**event, "sender": "@mallory:chat.test"}) == []
    answer = {"rooms": {"join": {"!other:chat.test": {"timeline": {"events": [event]}}}}}
    sync = bob.reads()
    done(bob.reader.read(done(bob.reader.take_rooms(answer, sync, {})), sync))
    assert sync.messages == []


def test_a_device_that_nobody_vouches_for_is_unsigned(devices: tuple[Device, Device], tmp_path: Path) -> None:
    _, bob = devices
    with Store(tmp_path / "other") as store:
        other = Device(store, "@anna:chat.test", "OTHER", identity=False)
        answer = other.keys()
        bob.people.answered("@anna:chat.test", answer)
        curve25519, ed25519 = other.own.curve25519, other.own.ed25519
        assert bob.people.standing("@anna:chat.test", curve25519, ed25519) is Standing.UNSIGNED
        assert bob.people.devices_for("@anna:chat.test") == {}
        assert bob.people.devices_for("@anna:chat.test", unverified=True)


def test_another_identity_of_a_known_person_counts_for_nothing_until_it_is_accepted(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    with Store(tmp_path / "other") as store:
        other = Device(store, anna.own.user, "OTHER")
        bob.people.answered(anna.own.user, other.keys())
        keys = (anna.own.user, other.own.curve25519, other.own.ed25519)
        assert bob.people.standing(*keys) is Standing.CHANGED
        assert bob.people.devices_for(anna.own.user) == {}
        shown = bob.people.of(anna.own.user).offered
        assert not bob.people.accept(anna.own.user, "A" + shown[1:] if shown[0] != "A" else "B" + shown[1:])
        assert bob.people.accept(anna.own.user, shown)
        assert bob.people.standing(*keys) is Standing.VERIFIED


def test_the_owners_identity_is_never_replaced_by_what_the_server_says(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    keys = (anna.own.user, anna.own.curve25519, anna.own.ed25519)
    assert bob.people.standing(*keys) is Standing.OWNER
    with Store(tmp_path / "other") as store:
        other = Device(store, anna.own.user, "OTHER")
        bob.people.answered(anna.own.user, other.keys())
        assert not bob.people.accept(anna.own.user, bob.people.of(anna.own.user).offered)
        theirs = (anna.own.user, other.own.curve25519, other.own.ed25519)
        assert bob.people.standing(*theirs) is Standing.CHANGED


def test_while_emoji_are_compared_again_nobody_commands_after_a_kill_either(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    keys = (anna.own.user, anna.own.curve25519, anna.own.ed25519)
    bob.people.verified_owner(anna.own.user, anna.own.master)
    bob.keep()
    with Store(tmp_path / "bob") as store:
        assert Device(store, bob.own.user).people.standing(*keys) is Standing.OWNER
    bob.people.compare_again(anna.own.user)
    bob.keep()
    with Store(tmp_path / "bob") as store:
        assert Device(store, bob.own.user).people.standing(*keys) is Standing.VERIFIED


async def test_who_was_the_owner_before_commands_nothing_once_the_bot_is_somebody_elses(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    keys = (anna.own.user, anna.own.curve25519, anna.own.ed25519)
    bob.people.verified_owner(anna.own.user, anna.own.master)
    bob.keep()
    with Store(tmp_path / "bob") as store:
        for owner, standing in ((anna.own.user, Standing.OWNER), ("@carol:chat.test", Standing.VERIFIED)):
            vault = Vault(Journal(store, "matrix"))
            account = MatrixAccount(bob.own.user, "http://127.0.0.1:1", "DEVICE", "token", owner)
            client = Client(account, vault, _saved)
            assert client.people.standing(*keys) is standing
        Journal(store, "matrix").set_facts(vault.take_changes())
        assert Device(store, bob.own.user).people.owner is None, "also if the bot is hers again"


async def _saved() -> None:
    pass


def test_a_device_cannot_take_a_known_devices_name(devices: tuple[Device, Device], tmp_path: Path) -> None:
    anna, bob = devices
    with Store(tmp_path / "other") as store:
        other = Device(store, anna.own.user)
        bob.people.answered(anna.own.user, other.keys())
        assert bob.people.standing(anna.own.user, other.own.curve25519, other.own.ed25519) is Standing.UNKNOWN


def test_a_room_stays_encrypted_whatever_the_server_says_later(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        rooms = Rooms(Vault(Journal(store, "matrix")))
        rooms.seen(ROOM, {"type": "m.room.encryption", "state_key": "", "content": {}})
        rooms.seen(ROOM, {"type": "m.room.member", "state_key": "@a:b", "content": {}})
        assert rooms.of(ROOM).encrypted
        rooms.seen(ROOM, {"type": "m.room.tombstone", "state_key": "", "content": {"replacement_room": "!new:b"}})
        rooms.seen("!new:b", {"type": "m.room.tombstone", "state_key": "", "content": {"replacement_room": ROOM}})
        assert rooms.newest(ROOM) in (ROOM, "!new:b")  # a circle ends


def message(text: str, standing: Standing | None = Standing.OWNER, **content: Any) -> RoomMessage:
    said = {"msgtype": "m.text", "body": text} | content
    return RoomMessage(7, ROOM, "@anna:chat.test", standing, "c", "e", said, "m.room.message", 0, "$1")


@pytest.mark.parametrize("standing", [None, Standing.UNSIGNED, Standing.UNKNOWN, Standing.CHANGED])
def test_what_is_not_verified_is_nothing_and_never_the_owners(standing: Standing | None) -> None:
    for room in Audience:
        assert heard(message(f"/call bob {LINK}", standing), room, unverified=False) is None
        entry = heard(message(f"/call bob {LINK}", standing), room, unverified=True)
        assert entry is not None
        assert (entry.text, entry.from_owner) == (LINK, False)
        assert heard(message("/contacts", standing), room, unverified=True) is None


def test_the_owner_commands_everything_alone_and_calls_among_others() -> None:
    alone = heard(message("/contacts"), Audience.OWNERS, unverified=False)
    assert alone is not None
    assert (alone.text, alone.from_owner, alone.alone) == ("/contacts", True, True)
    for typed in ("\u200e/call bob", "\uff0fcall bob", "/call bob"):
        among = heard(message(typed), Audience.SEVERAL, unverified=False)
        assert among is not None
        assert among.text == "/call bob"
        assert (among.from_owner, among.alone, among.chat) == (True, False, f"matrix:group:{ROOM}")
    assert heard(message("/contacts"), Audience.SEVERAL, unverified=False) is None


@pytest.mark.parametrize(
    "content",
    [
        {"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}},
        {"m.new_content": {"body": "/contacts"}},
        {"msgtype": "m.image"},
        {"msgtype": 7},
        {"body": ["/contacts"]},
    ],
)
def test_edits_and_what_is_no_text_say_nothing(content: dict[str, Any]) -> None:
    assert heard(message("/contacts", **content), Audience.OWNERS, unverified=False) is None


def test_what_a_reply_quotes_is_not_its_writers() -> None:
    entry = heard(message("> <@bob:chat.test> /contacts\n\nhello"), Audience.OWNERS, unverified=False)
    assert entry is not None
    assert entry.text == "hello"


def test_only_what_would_have_counted_is_worth_a_word() -> None:
    assert has_effect(message(LINK, None), "@bob:chat.test")
    assert has_effect(message("/call bob", None), "@anna:chat.test")
    assert not has_effect(message("/call bob", None), "@bob:chat.test")
    assert not has_effect(message("hello", None), "@anna:chat.test")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["type", "sender", "content", "event_id", "state_key", "origin_server_ts", "algorithm"])


@given(st.dictionaries(FIELDS, JSON, max_size=6), JSON)
def test_whatever_the_server_sends_is_read_or_left(event: dict[str, Any], content: Any) -> None:
    with pytest.MonkeyPatch.context():
        number_of(ROOM, event)
        made = RoomMessage(
            1, ROOM, "@a:b", Standing.OWNER, "c", "e", content if isinstance(content, dict) else {}, "x", 0, ""
        )
        heard(made, Audience.OWNERS, unverified=True)
    assert 0 <= number_of(ROOM, event) < 1 << 63


@given(JSON)
def test_hostile_keys_are_nobodys(tmp_path_factory: pytest.TempPathFactory, answer: Any) -> None:
    with Store(tmp_path_factory.mktemp("keys") / "db") as store:
        people = People(Vault(Journal(store, "matrix")))
        people.answered("@a:b", {"device_keys": {"@a:b": answer}, "master_keys": {"@a:b": answer}})
        assert people.of("@a:b").devices == {}


def test_a_signature_covers_all_but_signatures_and_unsigned(devices: tuple[Device, Device]) -> None:
    anna, _ = devices
    value = with_signature({"b": 1, "a": "é"}, "@anna:chat.test", "ed25519:X", anna.own.sign)
    assert is_signed({**value, "unsigned": {"age": 1}}, "@anna:chat.test", "ed25519:X", anna.own.ed25519)
    assert not is_signed({**value, "b": 2}, "@anna:chat.test", "ed25519:X", anna.own.ed25519)
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()


def start() -> dict[str, Any]:
    return {
        "from_device": "THEIRS",
        "method": "m.sas.v1",
        "key_agreement_protocols": ["curve25519-hkdf-sha256"],
        "hashes": ["sha256"],
        "message_authentication_codes": ["hkdf-hmac-sha256.v2"],
        "short_authentication_string": ["decimal", "emoji"],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("method", "m.qr"), ("hashes", ["md5"]), ("from_device", "OTHER"), ("key_agreement_protocols", "curve25519")],
)
def test_a_verification_that_is_not_the_safe_kind_is_cancelled(
    devices: tuple[Device, Device], field: str, value: Any
) -> None:
    _, bob = devices
    verification = Verification(bob.own, bob.own.master, "@anna:chat.test", "THEIRS", "$t", None)
    ((answer, _),) = verification.receive("start", {**start(), field: value}, {})
    assert answer == "cancel"
    assert verification.step is VerificationStep.CANCELLED


def test_a_server_that_puts_itself_in_between_shows_other_emoji_and_verifies_nothing(
    devices: tuple[Device, Device],
) -> None:
    import vodozemac

    _, bob = devices
    verification = Verification(bob.own, bob.own.master, "@anna:chat.test", "THEIRS", "$t", None)
    verification.receive("start", start(), {})
    verification.receive("key", {"key": vodozemac.Sas().public_key.to_base64()}, {})
    assert len(verification.emoji) == 7
    verification.same({})
    ((answer, _),) = verification.receive("mac", {"mac": {"ed25519:THEIRS": "AAAA"}, "keys": "AAAA"}, {})
    assert (answer, verification.master) == ("cancel", "")


def test_a_message_out_of_turn_ends_a_verification(devices: tuple[Device, Device]) -> None:
    _, bob = devices
    verification = Verification(bob.own, bob.own.master, "@anna:chat.test", "THEIRS", "$t", None)
    ((answer, content),) = verification.receive("mac", {}, {})
    assert (answer, content["code"]) == ("cancel", "m.unexpected_message")
    assert verification.receive("start", start(), {}) == []


def test_the_room_key_changes_when_somebody_may_read_no_more(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    device = anna.people.of(bob.own.user).devices["DEVICE"]
    first, _ = anna.megolm.outbound(ROOM, {device.curve25519: bob.own.user})
    anna.megolm.shared(ROOM, {device.curve25519: bob.own.user})
    same, lacking = anna.megolm.outbound(ROOM, {device.curve25519: bob.own.user})
    assert (same["session_id"], lacking) == (first["session_id"], {})
    other, _ = anna.megolm.outbound(ROOM, {})
    assert other["session_id"] != first["session_id"]


def test_nobody_reads_a_home_but_its_owner(tmp_path: Path) -> None:
    from bot.home import Home
    from bot.messengers.matrix.account_file import MatrixAccount, account_file, read_account, write_account

    home = Home(tmp_path / "home")
    home.prepare()
    write_account(home, MatrixAccount("@a:b", "http://127.0.0.1", "D", "secret"))
    write_account(home, MatrixAccount("@a:b", "http://127.0.0.1", "E", "secret"))
    assert account_file(home).stat().st_mode & 0o777 == 0o600
    kept = read_account(home)
    assert kept is not None
    assert kept.device == "E"
    assert "secret" not in repr(kept)


def test_with_unverified_a_device_that_the_server_adds_reads_nothing_of_the_owners(
    devices: tuple[Device, Device], tmp_path: Path
) -> None:
    anna, bob = devices
    bob.people.answered("@anna:chat.test", anna.keys())
    with Store(tmp_path / "other") as store:
        other = Device(store, "@anna:chat.test", "OTHER", identity=False)
        both = copy.deepcopy(anna.keys())
        both["device_keys"]["@anna:chat.test"] |= other.keys()["device_keys"]["@anna:chat.test"]
        bob.people.answered("@anna:chat.test", both)
    assert set(bob.people.devices_for("@anna:chat.test", unverified=True)) == {"DEVICE", "OTHER"}
    bob.people.verified_owner("@anna:chat.test", bob.people.of("@anna:chat.test").offered)
    assert set(bob.people.devices_for("@anna:chat.test", unverified=True)) == {"DEVICE"}


@pytest.mark.parametrize("server", ["http://matrix.example.org", "http://93.184.216.34:8008"])
async def test_a_password_goes_in_clear_to_no_server_elsewhere(tmp_path: Path, server: str) -> None:
    account = MatrixAccount("@bob:example.org", server, owner="@bob:example.org")
    with pytest.raises(InputError, match="in clear"):
        await log_in(Home(tmp_path / "home"), account, "password")


@pytest.mark.parametrize("server", ["matrix.example.org", "https://[x", "https://matrix.example.org:99999", "ftp://a"])
async def test_what_is_no_address_of_a_homeserver_gets_a_sentence(tmp_path: Path, server: str) -> None:
    account = MatrixAccount("@bob:example.org", server, owner="@bob:example.org")
    with pytest.raises(InputError, match="isn't the address of a homeserver"):
        await log_in(Home(tmp_path / "home"), account, "password")
