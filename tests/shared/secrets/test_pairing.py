from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import LocalProtocolError, RemoteProtocolError
from shared.messages import PairConfirm, PairKey, PairSeal
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.secrets.pairing import Commit, PairEffect, Pairing, PairMessage, Propose, commitment, transcript
from shared.secrets.phrase import phrase

ANNA, BEN = NodeId(b"a" * 32), NodeId(b"b" * 32)
CALL = transcript(ANNA, BEN, b"c" * 32, b"d" * 32, b"request", b"response")
RANDOMS = st.binary(min_size=32, max_size=32)


@dataclass
class Side:
    """One side, and what it did: its effects in order, and its messages on their way to the other side."""

    pairing: Pairing
    sent: deque[PairMessage] = field(default_factory=deque)
    log: list[PairEffect] = field(default_factory=list)

    def start(self) -> None:
        messages = self.pairing.start()
        self.log.extend(messages)
        self.sent.extend(messages)

    def receive(self, message: PairMessage) -> None:
        for effect in self.pairing.receive(message):
            self.log.append(effect)
            if not isinstance(effect, Propose | Commit):
                self.sent.append(effect)

    @property
    def proposed(self) -> list[bytes]:
        return [effect.secret for effect in self.log if isinstance(effect, Propose)]

    @property
    def committed(self) -> list[bytes]:
        return [effect.secret for effect in self.log if isinstance(effect, Commit)]


def sides(caller_call: bytes = CALL, callee_call: bytes = CALL) -> tuple[Side, Side]:
    caller, callee = Side(Pairing(Role.CALLER, caller_call)), Side(Pairing(Role.CALLEE, callee_call))
    caller.start()
    callee.start()
    return caller, callee


def unchanged(message: PairMessage) -> PairMessage:
    return message


def deliver(one: Side, other: Side, change: Callable[[PairMessage], PairMessage] = unchanged) -> None:
    """Deliver messages until none is left. `change` may replace what `one` sends."""
    while one.sent or other.sent:
        if one.sent:
            other.receive(change(one.sent.popleft()))
        if other.sent:
            one.receive(other.sent.popleft())


def paired() -> tuple[Side, Side]:
    caller, callee = sides()
    deliver(caller, callee)
    return caller, callee


@given(st.lists(st.booleans(), max_size=6))
def test_both_sides_agree_in_any_order_of_deliveries(turns: list[bool]) -> None:
    caller, callee = sides()
    for from_caller in turns:
        source, destination = (caller, callee) if from_caller else (callee, caller)
        if source.sent:
            destination.receive(source.sent.popleft())
    deliver(caller, callee)
    assert caller.proposed == callee.proposed == caller.committed == callee.committed
    assert len(caller.proposed) == 1
    assert caller.pairing.phrase == callee.pairing.phrase == phrase(caller.proposed[0])


def test_the_secret_is_proposed_before_it_is_confirmed_and_confirmed_before_it_is_committed() -> None:
    for side in paired():
        assert [type(effect) for effect in side.log] == [PairKey, PairSeal, Propose, PairConfirm, Commit]


def test_a_side_whose_last_message_is_lost_has_already_proposed() -> None:
    caller, callee = sides()
    callee.receive(caller.sent.popleft())
    caller.receive(callee.sent.popleft())
    callee.receive(caller.sent.popleft())
    caller.receive(callee.sent.popleft())
    caller.receive(callee.sent.popleft())
    assert caller.committed == caller.proposed == callee.proposed
    assert callee.committed == []


def test_two_calls_agree_on_two_secrets() -> None:
    assert paired()[0].committed != paired()[0].committed


def test_there_is_no_phrase_before_the_secret_is_known() -> None:
    caller, callee = sides()
    assert caller.pairing.phrase is None
    callee.receive(caller.sent.popleft())
    assert callee.pairing.phrase is None


def test_starting_twice_is_our_own_fault() -> None:
    caller, _ = sides()
    with pytest.raises(LocalProtocolError):
        caller.start()


def test_receiving_before_the_start_is_our_own_fault() -> None:
    caller, _ = sides()
    with pytest.raises(LocalProtocolError):
        Pairing(Role.CALLEE, CALL).receive(caller.sent.popleft())


ORDER = [PairKey, PairSeal, PairConfirm]


@pytest.mark.parametrize(
    ("before", "kind"),
    [(before, kind) for before in range(4) for kind in ORDER if ORDER[before : before + 1] != [kind]],
)
def test_a_message_out_of_order_is_refused_and_changes_nothing(before: int, kind: type[PairMessage]) -> None:
    caller, callee = sides()
    for _ in range(before):
        caller.receive(callee.sent.popleft())
        callee.receive(caller.sent.popleft())
    log = list(caller.log)
    with pytest.raises(RemoteProtocolError):
        caller.receive(next(effect for effect in paired()[1].log if isinstance(effect, kind)))
    assert caller.log == log
    deliver(caller, callee)
    assert caller.committed == callee.committed
    assert len(caller.committed) == 1


def flipped(message: PairMessage, place: int) -> PairMessage:
    """The message with one flipped bit."""

    def flip(data: bytes, bit: int) -> bytes:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    match message:
        case PairKey():
            split = len(message.public) * 8
            bit = place % (split + 256)
            if bit < split:
                return PairKey(flip(message.public, bit), message.commitment)
            return PairKey(message.public, flip(message.commitment, bit - split))
        case PairSeal():
            return PairSeal(flip(message.sealed, place % (len(message.sealed) * 8)))
        case PairConfirm():
            return PairConfirm(flip(message.mac, place % 256))


@given(st.sampled_from([PairKey, PairSeal, PairConfirm]), st.booleans(), st.integers(0, 2**20))
def test_a_changed_message_never_ends_in_a_commit_on_both_sides(
    kind: type[PairMessage], from_caller: bool, place: int
) -> None:
    caller, callee = sides()
    source, destination = (caller, callee) if from_caller else (callee, caller)
    with pytest.raises(RemoteProtocolError):
        deliver(source, destination, lambda message: flipped(message, place) if isinstance(message, kind) else message)
    assert destination.committed == []


def test_sides_that_see_different_calls_never_share_a_secret() -> None:
    changed = transcript(ANNA, BEN, b"c" * 32, b"e" * 32, b"request", b"response")
    caller, callee = sides(CALL, changed)
    with pytest.raises(RemoteProtocolError):
        deliver(caller, callee)
    assert caller.proposed == callee.proposed == []


def test_two_callers_never_share_a_secret() -> None:
    one, other = Side(Pairing(Role.CALLER, CALL)), Side(Pairing(Role.CALLER, CALL))
    one.start()
    other.start()
    with pytest.raises(RemoteProtocolError):
        deliver(one, other)


def test_a_side_that_hears_only_itself_never_proposes() -> None:
    caller, _ = sides()
    caller.receive(caller.sent.popleft())
    with pytest.raises(RemoteProtocolError):
        caller.receive(caller.sent.popleft())
    assert caller.proposed == []


@pytest.mark.parametrize(
    "public",
    [b"", bytes(1216), bytes(1184) + b"\x01" + bytes(31), b"\xff" * 1216, bytes(1215)],
    ids=["nothing", "zero", "low order", "out of range", "short"],
)
def test_a_key_that_nothing_can_be_sealed_to_is_refused(public: bytes) -> None:
    caller, _ = sides()
    with pytest.raises(RemoteProtocolError):
        caller.receive(PairKey(public, bytes(32)))
    assert [type(effect) for effect in caller.log] == [PairKey]


def test_other_random_bytes_than_promised_are_refused() -> None:
    caller, callee = sides()
    callee.pairing._random = b"another value of thirty-two bytes"[:32]
    with pytest.raises(RemoteProtocolError):
        deliver(caller, callee)
    assert caller.proposed == []


@given(RANDOMS, RANDOMS)
def test_a_commitment_binds_its_random_bytes_and_its_role(one: bytes, other: bytes) -> None:
    assume(one != other)
    promises = {commitment(role, random) for role in Role for random in (one, other)}
    assert len(promises) == 4


@given(RANDOMS, RANDOMS, RANDOMS)
def test_a_machine_in_the_middle_gives_the_two_sides_different_phrases(
    caller: bytes, middle: bytes, callee: bytes
) -> None:
    """The attacker answers each side in the other's name, even with its true transcript and the same random bytes."""
    to_anna, anna = Side(Pairing(Role.CALLEE, CALL, middle)), Side(Pairing(Role.CALLER, CALL, caller))
    to_ben, ben = Side(Pairing(Role.CALLER, CALL, middle)), Side(Pairing(Role.CALLEE, CALL, callee))
    for side in (anna, to_anna, to_ben, ben):
        side.start()
    deliver(anna, to_anna)
    deliver(to_ben, ben)
    assert anna.committed
    assert ben.committed
    assert anna.pairing.phrase != ben.pairing.phrase


def test_a_machine_in_the_middle_that_passes_the_seals_on_is_found_out() -> None:
    """The attacker replaces the keys in order to read, and passes the commitments on so that they fit."""
    anna, ben = sides()
    middle, _ = sides()
    anna_key, ben_key, middle_key = anna.sent.popleft(), ben.sent.popleft(), middle.sent.popleft()
    assert isinstance(anna_key, PairKey)
    assert isinstance(ben_key, PairKey)
    assert isinstance(middle_key, PairKey)
    anna.receive(PairKey(middle_key.public, ben_key.commitment))
    ben.receive(PairKey(middle_key.public, anna_key.commitment))
    with pytest.raises(RemoteProtocolError):
        anna.receive(ben.sent.popleft())
    with pytest.raises(RemoteProtocolError):
        ben.receive(anna.sent.popleft())


def test_the_transcript_tells_every_part_from_every_other() -> None:
    parts = (ANNA, BEN, b"c" * 32, b"d" * 32, b"request", b"response")
    others = [
        (BEN, ANNA, *parts[2:]),
        (ANNA, BEN, b"d" * 32, b"c" * 32, b"request", b"response"),
        (*parts[:4], b"requestr", b"esponse"),
        (*parts[:4], b"request", b""),
    ]
    assert len({transcript(*parts), *(transcript(*other) for other in others)}) == 5


def test_no_secret_shows_in_a_log_line() -> None:
    assert repr(Propose(b"k" * 32)) == "Propose()"
    assert repr(Commit(b"k" * 32)) == "Commit()"
