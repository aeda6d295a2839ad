from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contacts import MINUTES_PER_DAY, Contact, Hours, Trust
from shared.links.kinds import LIFETIME, MAX_CLOCK_AHEAD
from shared.media import Media
from shared.node_id import NodeId
from shared.policy import Decision, KnownCaller, OwnersSide, Verdict, WantedCall, decide
from shared.reasons import Reason

NOW = 1_700_000_000
NOON = datetime.time(12)
NIGHT = datetime.time(3)
DAY = Hours.parse("08:00-22:00")


def contact(
    trust: Trust = Trust.RING, *, media: Media = Media.BOTH, hours: Hours | None = None, unproven: bool = False
) -> Contact:
    return Contact(
        name="anna", node=NodeId(bytes(32)), trust=trust, media=media, hours=hours, unproven=unproven, created=0
    )


def decision(who: Contact | None, **changes: Any) -> Decision:
    """The decision at noon about a new link for this node, encrypted with a contact's key, with these `changes`."""

    def made(kind: type[Any], **usual: Any) -> Any:
        return kind(**usual | {name: changes.pop(name) for name in kind.__slots__ if name in changes})

    caller = made(KnownCaller, contact=who, proven=who is not None, keyed=who is not None)
    wanted = made(WantedCall, media=Media.BOTH, created=NOW)
    owner = made(OwnersSide, now=NOW, local_time=NOON)
    assert not changes, "nothing in the policy is called that"
    return decide(caller, wanted, owner)


def ignored(reason: Reason) -> Decision:
    return Decision(Verdict.IGNORE, reason, Media.NONE)


def test_a_contact_rings() -> None:
    assert decision(contact()) == Decision(Verdict.RING, Reason.ASK, Media.BOTH)


def test_a_trusted_contact_is_answered_without_asking() -> None:
    assert decision(contact(Trust.AUTO)) == Decision(Verdict.AUTO, Reason.TRUSTED, Media.BOTH)


def test_a_stranger_rings() -> None:
    assert decision(None) == Decision(Verdict.RING, Reason.NEW_CALLER, Media.BOTH)


def test_the_answering_machine_takes_a_contacts_call_that_lives_long_enough() -> None:
    assert decision(contact(), machine_after=20) == Decision(Verdict.RING, Reason.ASK, Media.BOTH, machine=True)
    assert not decision(contact()).machine
    assert decision(contact(), machine_after=20, now=NOW + LIFETIME - 21).machine
    assert not decision(contact(), machine_after=20, now=NOW + LIFETIME - 20).machine


def test_the_answering_machine_takes_the_call_of_a_trusted_contact_that_rings() -> None:
    assert decision(contact(Trust.AUTO, hours=DAY), local_time=NIGHT, machine_after=20).machine


@pytest.mark.parametrize("who", [None, contact(Trust.AUTO), contact(Trust.BLOCK)], ids=["stranger", "auto", "blocked"])
def test_nobody_else_gets_the_answering_machine(who: Contact | None) -> None:
    assert not decision(who, machine_after=20).machine
    assert not decision(contact(), machine_after=20, busy=True).machine


@pytest.mark.parametrize("trust", [Trust.RING, Trust.AUTO])
@pytest.mark.parametrize("unproven", [False, True])
def test_a_request_that_names_a_contact_with_a_key_rings_as_unproven_whatever_they_may_do(
    trust: Trust, unproven: bool
) -> None:
    named = contact(trust, unproven=unproven)
    decided = decision(named, proven=False, machine_after=20)
    assert decided == Decision(Verdict.RING, Reason.UNPROVEN, Media.BOTH)
    assert decision(contact(trust, media=Media.AUDIO), proven=False).media is Media.AUDIO
    assert decision(contact(trust, hours=DAY), proven=False).verdict is Verdict.RING


def test_a_trusted_contact_rings_until_there_is_a_key() -> None:
    nothing_yet = {"proven": False, "keyed": False}
    assert decision(contact(Trust.AUTO), **nothing_yet) == Decision(Verdict.RING, Reason.ASK, Media.BOTH)
    assert not decision(contact(), machine_after=20, **nothing_yet).machine


def test_the_node_id_alone_is_enough_only_if_the_owner_said_so_and_only_for_what_opens_no_room() -> None:
    nothing_yet = {"proven": False, "keyed": False}
    enough = contact(Trust.AUTO, unproven=True)
    assert decision(enough, **nothing_yet) == Decision(Verdict.AUTO, Reason.TRUSTED, Media.BOTH)
    assert decision(enough, **nothing_yet, opens=True).verdict is Verdict.RING
    assert decision(contact(Trust.AUTO), opens=True).verdict is Verdict.AUTO


def test_while_another_call_is_being_set_up_a_trusted_contact_rings_and_hears_no_busy() -> None:
    assert decision(contact(Trust.AUTO), occupied=True) == Decision(Verdict.RING, Reason.ASK, Media.BOTH)
    assert decision(contact(), occupied=True) == decision(contact())


def test_a_link_of_our_own_is_ignored_as_such() -> None:
    assert decision(None, seen="ours", unknown="ignore") == ignored(Reason.OWN_LINK)


def test_a_clock_may_be_two_minutes_ahead_and_not_more() -> None:
    assert decision(contact(), created=NOW + MAX_CLOCK_AHEAD).verdict is Verdict.RING
    assert decision(contact(), created=NOW + MAX_CLOCK_AHEAD + 1) == ignored(Reason.CLOCK)


def test_a_link_lives_ten_minutes_and_not_longer() -> None:
    assert decision(contact(), created=NOW - LIFETIME + 1).verdict is Verdict.RING
    assert decision(contact(), created=NOW - LIFETIME) == ignored(Reason.EXPIRED)
    assert decision(contact(), created=NOW - 30, lifetime=30) == ignored(Reason.EXPIRED)


def test_a_used_link_is_refused() -> None:
    assert decision(contact(Trust.AUTO), seen="used") == ignored(Reason.ALREADY_USED)


def test_a_stranger_is_ignored_if_the_owner_wants_it_so() -> None:
    assert decision(None, unknown="ignore") == ignored(Reason.UNKNOWN_CALLER)
    assert decision(contact(), unknown="ignore").verdict is Verdict.RING


def test_a_blocked_contact_is_ignored() -> None:
    assert decision(contact(Trust.BLOCK)) == ignored(Reason.BLOCKED)


def test_a_contact_outside_its_hours_is_not_allowed_now() -> None:
    assert decision(contact(hours=DAY)).verdict is Verdict.RING
    assert decision(contact(hours=DAY), local_time=NIGHT) == ignored(Reason.NOT_ALLOWED_NOW)


def test_a_trusted_contact_outside_its_hours_rings() -> None:
    trusted = contact(Trust.AUTO, hours=DAY)
    assert decision(trusted).verdict is Verdict.AUTO
    assert decision(trusted, local_time=NIGHT) == Decision(Verdict.RING, Reason.ASK, Media.BOTH)


@pytest.mark.parametrize("trust", [Trust.RING, Trust.AUTO])
def test_a_contact_gets_what_it_may_have_of_what_it_wants(trust: Trust) -> None:
    assert decision(contact(trust, media=Media.AUDIO)).media is Media.AUDIO
    assert decision(contact(trust), media=Media.AUDIO).media is Media.AUDIO


@pytest.mark.parametrize("trust", [Trust.RING, Trust.AUTO])
def test_a_contact_that_may_have_nothing_of_what_it_wants_is_not_allowed(trust: Trust) -> None:
    assert decision(contact(trust, media=Media.AUDIO), media=Media.VIDEO) == ignored(Reason.NOT_ALLOWED_NOW)
    assert decision(contact(trust, media=Media.NONE)) == ignored(Reason.NOT_ALLOWED_NOW)


@pytest.mark.parametrize("who", [contact(), contact(Trust.AUTO), None])
def test_whoever_would_get_through_hears_that_we_are_busy(who: Contact | None) -> None:
    assert decision(who, busy=True) == Decision(Verdict.BUSY, Reason.BUSY, Media.NONE)


@pytest.mark.parametrize("who", [contact(), contact(Trust.AUTO)])
def test_a_call_beside_another_rings_where_somebody_can_be_asked(who: Contact) -> None:
    assert decision(who, busy=True, call_waiting=True) == Decision(Verdict.RING, Reason.ASK, Media.BOTH)
    assert decision(None, busy=True, call_waiting=True) == Decision(Verdict.RING, Reason.NEW_CALLER, Media.BOTH)
    assert decision(who, call_waiting=True) == decision(who)
    assert decision(contact(Trust.BLOCK), busy=True, call_waiting=True) == ignored(Reason.BLOCKED)


@pytest.mark.parametrize("changes", [{"seen": "ours"}, {"seen": "used"}, {"created": 0}])
def test_whoever_would_not_get_through_never_learns_that_we_are_busy(changes: dict[str, Any]) -> None:
    assert decision(contact(), busy=True, **changes).verdict is Verdict.IGNORE
    assert decision(contact(Trust.BLOCK), busy=True) == ignored(Reason.BLOCKED)


# A wrong link, with faults added from the last check to the first: each fault hides those after it.
FAULTS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.NOT_ALLOWED_NOW, {"who": contact(hours=DAY), "local_time": NIGHT, "busy": True}),
    (Reason.BLOCKED, {"who": contact(Trust.BLOCK, hours=DAY)}),
    (Reason.UNKNOWN_CALLER, {"who": None, "unknown": "ignore"}),
    (Reason.ALREADY_USED, {"seen": "used"}),
    (Reason.EXPIRED, {"created": NOW - LIFETIME}),
    (Reason.CLOCK, {"created": NOW + MAX_CLOCK_AHEAD + 1}),
]


@pytest.mark.parametrize("count", range(1, len(FAULTS) + 1))
def test_the_first_check_that_fails_gives_the_reason(count: int) -> None:
    changes: dict[str, Any] = {}
    for _, fault in FAULTS[:count]:
        changes |= fault
    assert decision(changes.pop("who"), **changes) == ignored(FAULTS[count - 1][0])


def test_these_are_the_checks_in_the_order_of_the_reasons() -> None:
    refusals = list(Reason)[: list(Reason).index(Reason.TRUSTED)]
    before_policy = [Reason.MALFORMED, Reason.WRONG_VERSION, Reason.NOT_FOR_THIS_NODE]
    assert refusals == [*before_policy, *(reason for reason, _ in reversed(FAULTS))]


hours = st.builds(
    lambda start, length: Hours(start, (start + length) % MINUTES_PER_DAY or MINUTES_PER_DAY),
    st.integers(0, MINUTES_PER_DAY - 1),
    st.integers(1, MINUTES_PER_DAY - 1),
)
contacts = st.builds(
    contact, st.sampled_from(Trust), media=st.sampled_from(Media), hours=st.none() | hours, unproven=st.booleans()
)
circumstances = st.fixed_dictionaries(
    {
        "media": st.sampled_from([Media.AUDIO, Media.VIDEO, Media.BOTH]),
        "created": st.integers(NOW - 2 * LIFETIME, NOW + 2 * MAX_CLOCK_AHEAD) | st.just(NOW),
        "local_time": st.times(),
        "seen": st.sampled_from([None, None, None, "ours", "used"]),
        "busy": st.booleans(),
        "call_waiting": st.booleans(),
        "unknown": st.sampled_from(["ring", "ignore"]),
        "proven": st.booleans(),
        "keyed": st.booleans(),
        "opens": st.booleans(),
        "occupied": st.booleans(),
        "machine_after": st.sampled_from([0, 20]),
    }
)


@given(st.none() | contacts, circumstances)
def test_only_trusted_contacts_in_hours_get_an_automatic_answer_and_only_what_they_may_have(
    who: Contact | None, values: dict[str, Any]
) -> None:
    decided = decision(who, **values)
    if decided.verdict is Verdict.AUTO:
        assert who is not None
        assert who.trust is Trust.AUTO
        assert who.hours is None or values["local_time"] in who.hours
        assert values["proven"] or (who.unproven and not values["keyed"] and not values["opens"])
        assert not values["occupied"]
        assert decided.media
        assert values["seen"] is None
        assert not values["busy"]
        assert -MAX_CLOCK_AHEAD <= NOW - values["created"] < LIFETIME
    allowed = Media.BOTH if who is None else who.media
    assert decided.media & values["media"] & allowed == decided.media
    assert bool(decided.media) is (decided.verdict in (Verdict.AUTO, Verdict.RING))
    assert values["proven"] or not decided.machine


@given(st.none() | contacts, circumstances)
def test_each_reason_goes_with_one_action(who: Contact | None, values: dict[str, Any]) -> None:
    decided = decision(who, **values)
    actions = {
        Reason.TRUSTED: Verdict.AUTO,
        Reason.ASK: Verdict.RING,
        Reason.UNPROVEN: Verdict.RING,
        Reason.NEW_CALLER: Verdict.RING,
        Reason.BUSY: Verdict.BUSY,
    }
    assert decided.verdict is actions.get(decided.reason, Verdict.IGNORE)
