"""No flood pushes out the owner's or a contact's items, or keeps the owner from hearing of something else."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.budgets import Item, KeptBudget, Rank, items_to_drop
from bot.messengers.matrix.forgetting import MOST_PEOPLE, Tie, to_forget
from bot.messengers.matrix.invitations import MOST_ROOMS, Invitations
from bot.messengers.matrix.notices import Counted, Notices
from bot.messengers.matrix.olm import FromDevice
from bot.messengers.matrix.own_device import OLM, unpadded
from bot.messengers.matrix.people import MOST_DEVICES
from bot.messengers.matrix.reading import MOST_WITHHOLD, Sync
from bot.messengers.matrix.rooms import Rooms
from bot.messengers.matrix.texts import many_not_read
from bot.messengers.matrix.vault import Vault
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.matrix.devices import ROOM, Device, two
from tests.bot.matrix.homeserver import NAME as SERVER
from tests.bot.matrix.homeserver import Homeserver
from tests.bot.matrix.members import joined, member

MALLORY = "@mallory:chat.test"


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[tuple[Device, Device]]:
    yield from two(tmp_path)


@pytest.fixture
def meet(tmp_path: Path, devices: tuple[Device, Device]) -> Iterator[Callable[[str], Device]]:
    """Makes a person with their own identity, and lets Bob's device know them."""
    _, bob = devices
    with contextlib.ExitStack() as stack:

        def somebody(user: str) -> Device:
            store = stack.enter_context(Store(tmp_path / user.strip("@").replace(":", "_")))
            device = Device(store, user)
            bob.people.answered(user, device.keys())
            device.meets(bob)
            return device

        yield somebody


def room_key(device: Device, room: str) -> FromDevice:
    """The decrypted m.room_key of a new session."""
    session = vodozemac.GroupSession()
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": room,
        "session_id": session.session_id,
        "session_key": session.session_key.to_base64(),
    }
    return FromDevice(device.own.user, device.own.curve25519, device.own.ed25519, "m.room_key", content)


def test_a_strangers_2100_room_keys_push_out_no_key_of_the_owner_nor_of_a_contact(
    devices: tuple[Device, Device], meet: Callable[[str], Device]
) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    contact, stranger, mallory = meet("@carol:chat.test"), meet("@dave:chat.test"), meet(MALLORY)
    bob.contacts.add("@carol:chat.test")
    bob.reads({"type": "m.room.encryption", "state_key": "", "content": {}})
    bob.reads(to_device=tuple(each.room_key_for(bob) for each in (anna, contact, stranger)))
    for number in range(2100):
        # Keys for our room, for rooms that we may or may not be in, and for none.
        bob.megolm.take_key(room_key(mallory, ROOM if number % 2 else f"!{number}:chat.test"))
    events = [each.says(each.own.user, f"${each.own.user}") for each in (anna, contact, stranger)]
    assert bob.texts(*events) == [anna.own.user, "@carol:chat.test", "@dave:chat.test"]
    assert sum(1 for _ in bob.vault.names("inbound:")) <= 103
    bob.keep()  # and after a start it is the same
    assert sum(1 for _ in bob.journal.facts("e2e:inbound:")) <= 103


def test_strangers_who_are_many_push_out_each_other_but_no_contact(
    devices: tuple[Device, Device], meet: Callable[[str], Device]
) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    contact = meet("@carol:chat.test")
    bob.contacts.add("@carol:chat.test")
    bob.reads({"type": "m.room.encryption", "state_key": "", "content": {}})
    bob.reads(to_device=(anna.room_key_for(bob), contact.room_key_for(bob)))
    for number in range(2100):
        key = room_key(anna, ROOM)
        bob.megolm.take_key(FromDevice(f"@{number}:chat.test", f"c{number}", f"e{number}", key.type, key.content))
    assert bob.texts(anna.says("owner", "$1"), contact.says("contact", "$2")) == ["owner", "contact"]
    assert sum(1 for _ in bob.vault.names("inbound:")) <= 502  # of one room


def test_a_session_that_somebody_passes_on_as_theirs_does_not_take_its_writers_place(
    devices: tuple[Device, Device], meet: Callable[[str], Device]
) -> None:
    anna, bob = devices
    mallory = meet(MALLORY)
    key = anna.room_key_for(bob)
    content = anna.megolm.outbound(ROOM, {bob.own.curve25519: bob.own.user})[0]
    bob.megolm.take_key(FromDevice(MALLORY, mallory.own.curve25519, mallory.own.ed25519, "m.room_key", content))
    assert bob.texts(anna.says("hello", "$1"), to_device=(key,)) == ["hello"]


def test_300_invented_events_push_out_no_message_that_waits_for_its_key(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    key = anna.room_key_for(bob)
    early = anna.says("early", "$early")
    assert bob.texts(early) == []
    for number in range(400):
        invented = early["content"] | {"session_id": f"invented {number}"}
        event = {**early, "event_id": f"${number}", "sender": MALLORY, "content": invented}
        bob.reads({**event, "origin_server_ts": early["origin_server_ts"] + number})
    assert sum(1 for _ in bob.vault.names("waiting:")) <= 21
    assert bob.texts(to_device=(key,)) == ["early"]


def test_events_of_many_inventors_push_out_no_message_of_the_owner_or_a_contact(
    devices: tuple[Device, Device], meet: Callable[[str], Device]
) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    contact = meet("@carol:chat.test")
    bob.contacts.add("@carol:chat.test")
    keys = anna.room_key_for(bob), contact.room_key_for(bob)
    waiting = [anna.says("owner", "$owner"), contact.says("contact", "$contact", 1_800_000_000_001)]
    bob.reads(*waiting)
    for number in range(600):
        invented = waiting[0]["content"] | {"session_id": f"invented {number}"}
        event = {**waiting[0], "event_id": f"${number}", "sender": f"@{number}:b", "content": invented}
        bob.reads({**event, "origin_server_ts": 1_900_000_000_000 + number})
    assert sum(1 for _ in bob.vault.names("waiting:")) <= 300
    assert bob.texts(to_device=keys) == ["owner", "contact"]


def test_devices_that_write_once_push_out_no_session_with_the_owners(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    bob.reads(to_device=(anna.room_key_for(bob),))
    for _ in range(300):
        # Anybody can make a device, and write once from it.
        account, (one_time,) = vodozemac.Account(), bob.own.one_time_keys(49).values()
        key = vodozemac.Curve25519PublicKey.from_base64(one_time["key"])
        session = account.create_outbound_session(bob.own.account.curve25519_key, key)
        kind, body = session.encrypt(b"{}").to_parts()
        ciphertext = {bob.own.curve25519: {"type": kind, "body": unpadded(body)}}
        content = {"algorithm": OLM, "sender_key": account.curve25519_key.to_base64(), "ciphertext": ciphertext}
        bob.reads(to_device=({"type": "m.room.encrypted", "sender": MALLORY, "content": content},))
        bob.own.published()
    assert 150 <= sum(1 for _ in bob.vault.names("sessions:")) <= 201
    assert bob.texts(anna.says("hello", "$1")) == ["hello"]
    assert bob.olm.has_session(bob.people.of(anna.own.user).devices["DEVICE"])


def test_of_invented_events_the_server_is_asked_about_nobody(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    bob.people.changed([anna.own.user])
    bob.reads(to_device=(anna.room_key_for(bob),))
    true = anna.says("hello", "$true")
    invented = [{**true, "sender": f"@{number}:evil.test", "event_id": f"${number}"} for number in range(100)]
    assert bob.reader.wants((ROOM, event) for event in [true, *invented]) == {anna.own.user}


def test_of_many_strangers_the_server_is_asked_about_a_few_and_about_all_who_matter(
    devices: tuple[Device, Device],
) -> None:
    anna, bob = devices
    bob.people.verified_owner(anna.own.user, anna.own.master)
    bob.contacts.add("@carol:chat.test")
    strangers = {f"@{number}:evil.test" for number in range(1000)}
    asked = bob.people.first({anna.own.user, "@carol:chat.test"} | strangers, 20)
    assert set(asked[:2]) == {anna.own.user, "@carol:chat.test"}
    assert len(asked) == 22


@pytest.mark.asyncio
async def test_what_cannot_be_decrypted_is_noted_of_known_people_and_no_more_often_than_they_have_devices(
    devices: tuple[Device, Device],
) -> None:
    anna, bob = devices
    sync = Sync()

    def unreadable(sender: str, key: str) -> dict[str, object]:
        return {"type": "m.room.encrypted", "sender": sender, "content": {"sender_key": key}}

    known = anna.own.user
    strangers = [unreadable(f"@{number}:evil.test", "x") for number in range(1000)]
    withheld = [
        {"type": "m.room_key.withheld", "sender": sender, "content": {"code": "m.unverified"}}
        for sender in (*(f"@{number}:evil.test" for number in range(1000)), known)
    ]
    invented = [unreadable(known, f"x{number}") for number in range(1000)]
    answer = {"to_device": {"events": [unreadable(known, anna.own.curve25519), *strangers, *withheld, *invented]}}
    await bob.reader.take_devices(answer, sync)
    assert {user: len(keys) for user, keys in sync.wedged.items()} == {known: MOST_DEVICES}
    assert anna.own.curve25519 in sync.wedged[known]
    assert (len(sync.withheld), known in sync.withheld) == (MOST_WITHHOLD + 1, True)


@pytest.mark.asyncio
async def test_while_a_thousand_messages_are_read_everything_else_goes_on(devices: tuple[Device, Device]) -> None:
    anna, bob = devices
    turns = 0

    async def media() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(media())
    sync = Sync()
    await bob.reader.take_devices({"to_device": {"events": [anna.room_key_for(bob)] * 100}}, sync)
    assert turns >= 9
    before = turns
    events = [anna.says("hello", f"${number}") for number in range(1000)]
    answer = {"rooms": {"join": {ROOM: {"timeline": {"events": events}}}}}
    found = await bob.reader.take_rooms(answer, sync, {})
    assert turns >= before + 99
    before = turns
    await bob.reader.read(found, sync)
    assert turns >= before + 99
    other.cancel()
    assert len(sync.messages) == 1000


NOW = 1_800_000_000


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[Notices]:
    with Store(tmp_path / "notices") as store:
        yield Notices(Vault(Journal(store, "matrix")))


def told(notices: Notices, user: str, devices: range, now: int, *, subject: str = "device") -> int:
    """How many notices messages from `devices` cause."""
    return sum(notices.tell(subject, user, str(each), now, stranger=user == MALLORY) for each in devices)


def test_an_account_with_600_devices_is_three_notices_and_one_with_the_number(notices: Notices) -> None:
    assert told(notices, MALLORY, range(600), NOW) == 3
    assert told(notices, MALLORY, range(600), NOW + 5) == 0  # each device counts once
    assert notices.together(NOW + 5) is None
    counted = notices.together(NOW + 60)
    assert counted == Counted(597, (MALLORY,), is_all=True)
    assert "597" in many_not_read(counted).text
    assert told(notices, MALLORY, range(600, 1200), NOW + 3600) == 0
    assert notices.together(NOW + 7200) is None


def test_a_flood_about_one_person_silences_nothing_about_another_person_or_subject(notices: Notices) -> None:
    anna = "@anna:chat.test"
    told(notices, MALLORY, range(600), NOW)
    for number in range(1000):
        notices.tell("device", f"@{number}:chat.test", "", NOW, stranger=True)
    assert told(notices, anna, range(1), NOW) == 1
    assert told(notices, anna, range(600), NOW) == 2
    assert told(notices, anna, range(1), NOW, subject="key") == 1
    counted = notices.together(NOW + 60)
    assert counted is not None
    assert counted.things == 597 + 993 + 597
    # The next day, and after thousands of others, there is a notice about a stranger again.
    assert told(notices, MALLORY, range(5000, 5001), NOW + 2 * 24 * 3600) == 1


def test_what_was_told_is_known_after_a_start(tmp_path: Path) -> None:
    with Store(tmp_path / "notices") as store:
        vault = Vault(journal := Journal(store, "matrix"))
        assert told(Notices(vault), MALLORY, range(1), NOW) == 1
        journal.set_facts(vault.take_changes())
        assert told(Notices(Vault(journal)), MALLORY, range(1), NOW) == 0


def test_what_a_clock_has_dated_that_was_set_back_since_silences_nobody(notices: Notices) -> None:
    ahead = NOW + 365 * 24 * 3600
    told(notices, MALLORY, range(600), ahead)
    assert notices.together(ahead + 60) is not None
    assert told(notices, MALLORY, range(1000, 1600), NOW) == 3
    assert notices.together(NOW + 3600) == Counted(597, (MALLORY,), is_all=True)


def test_a_flood_of_invitations_costs_a_few_rooms_and_neither_the_owner_nor_a_contact_anything(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        vault = Vault(Journal(store, "matrix"))
        account = MatrixAccount("@bot:b", "http://127.0.0.1", "D", "t", "@owner:b")
        invitations = Invitations(account, vault, Rooms(vault), lambda: {"@contact:b"}, strangers=True)
        accepted = [number for number in range(1000) if invitations.accepts(f"!{number}:b", f"@{number % 500}:b", 0.0)]
        assert len(accepted) == 20
        assert invitations.accepts(f"!{accepted[0]}:b", f"@{accepted[0]}:b", 0.0)  # the same again
        assert invitations.accepts("!own:b", "@owner:b", 0.0)
        assert invitations.accepts("!contact:b", "@contact:b", 0.0)
        left = [
            room
            for number in range(MOST_ROOMS + 5)
            for room in invitations.joined(f"!{number}:b", f"@{number}:b", 1_800_000_000 + number)
        ]
        assert left == [f"!{number}:b" for number in range(5)]
        assert invitations.joined("!own:b", "@owner:b", 0) == []


def test_where_strangers_are_ignored_they_cannot_invite_the_bot(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        vault = Vault(Journal(store, "matrix"))
        account = MatrixAccount("@bot:b", "http://127.0.0.1", "D", "t", "@owner:b")
        invitations = Invitations(account, vault, Rooms(vault), lambda: {"@contact:b"}, strangers=False)
        assert not invitations.accepts("!room:b", "@stranger:b", 0.0)
        assert invitations.accepts("!room:b", "@contact:b", 0.0)


PEOPLE = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2), st.tuples(st.sampled_from(Tie), st.integers(0, 9)), max_size=30
)


@given(PEOPLE, st.integers(0, 20))
def test_of_too_many_people_those_go_first_who_are_least_to_us_and_some_never(
    people: dict[str, tuple[Tie, int]], most: int
) -> None:
    ties = {user: each[0] for user, each in people.items()}
    gone = set(to_forget({user: each[1] for user, each in people.items()}, ties, most))
    left = set(people) - gone
    assert len(left) <= max(most, sum(each is Tie.STAYS for each in ties.values()))
    assert not gone or len(left) >= most
    assert not any(ties[user] is Tie.STAYS for user in gone)
    going = left - {user for user in left if ties[user] is Tie.STAYS}
    assert all(people[user] <= people[other] for user in gone for other in going)


async def test_thousands_of_people_push_out_neither_the_owner_nor_who_is_in_a_room_with_the_bot(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(60),
        Homeserver().running() as server,
        member(server, tmp_path, "anna") as anna,
        member(server, tmp_path, "bob") as bob,
    ):
        room = await bob.client.make_room([anna.user], "")
        await joined(server, room, anna.user)
        await bob.client.keys.query([anna.user])
        master = bob.client.people.of(anna.user).master
        for number in range(MOST_PEOPLE + 100):
            bob.client.people.answered(f"@{number}:{SERVER}", {})
        await bob.client.save()
        await server.put(room, server.event(anna.user, "m.room.topic", {"topic": "news"}, state_key=""))
        async with bob.news:
            while len(bob.client.people.known()) > MOST_PEOPLE:
                await bob.news.wait()
        assert {anna.user, bob.user} <= set(bob.client.people.known())
        assert bob.client.people.of(anna.user).master == master


def test_another_room_in_a_rooms_place_costs_a_stranger_what_an_invitation_costs(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        vault = Vault(Journal(store, "matrix"))
        rooms = Rooms(vault)
        account = MatrixAccount("@bot:b", "http://127.0.0.1", "D", "t", "@owner:b")
        invitations = Invitations(account, vault, rooms, lambda: {"@contact:b"}, strangers=True)

        def leads(user: str, old: str, new: str) -> bool:
            replaced = {"replacement_room": new}
            rooms.seen(old, {"type": "m.room.tombstone", "sender": user, "state_key": "", "content": replaced})
            return invitations.accepts(new, user, 0.0)

        followed = [number for number in range(200) if leads(f"@{number % 50}:b", f"!{number}:b", f"!{number + 1}:b")]
        assert len(followed) == 20
        assert invitations.joined("!1:b", "@1:b", 1_800_000_000) == []
        assert vault.has("guest:!1:b")  # one of the rooms of which it leaves the oldest
        assert leads("@owner:b", "!a:b", "!b:b")
        assert leads("@contact:b", "!c:b", "!d:b")
        invitations.wanted("!1:b")  # the owner has written there
        assert not vault.has("guest:!1:b")


ITEMS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"]), st.sampled_from(Rank)), max_size=40)


@given(ITEMS, st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_what_is_left_is_within_every_budget_and_the_owners_gives_way_to_nobody(
    given_items: list[tuple[str, str, Rank]], total: int, of_sender: int, of_room: int
) -> None:
    items = {Item(str(number), sender, number, room): rank for number, (sender, room, rank) in enumerate(given_items)}
    gone = set(items_to_drop(items, KeptBudget(total, of_sender, of_room)))
    left = {item: rank for item, rank in items.items() if item.name not in gone}
    assert len(left) <= total
    for sender, room in itertools.product("abc", "xy"):
        others = [item for item, rank in left.items() if rank is not Rank.OWNER]
        assert sum(item.sender == sender for item in others) <= of_sender
        assert sum(item.room == room for item in others) <= of_room
    owners = [item for item, rank in items.items() if rank is Rank.OWNER]
    if len(owners) <= total:
        assert all(item in left for item in owners)
    if len(items) <= min(total, of_sender, of_room):
        assert not gone
