"""Two nodes that are connected by the effects of their calls. Hypothesis decides what chat, paths and clocks do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.call.effects import (
    AnnounceAnswer,
    AnswerTheirs,
    CloseLeg,
    Effect,
    Listen,
    Noted,
    OpenLeg,
    PostAnswer,
    PostBusy,
    PostCancel,
    PostDecline,
    PostRequest,
    Redial,
    Ring,
    SayBye,
    StartTimer,
    StopRinging,
    StopTimer,
    TakeMessage,
    Timer,
    TryResponse,
)
from shared.call.events import (
    Answer,
    Busy,
    Decline,
    Event,
    Glare,
    HangUp,
    LegUp,
    Offered,
    PathLost,
    PathRestored,
    RemoteAccepted,
    RemoteBusy,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    Replaced,
    Stop,
)
from shared.call.table import RUNS_OUT, Call, EndReason, State, glare, incoming, outgoing, step
from shared.links.tokens import LinkKind
from shared.secrets.handshake import Role

Link = bytes
"The name of a call in these tests: the link that began it."


@dataclass
class Ear:
    """One side's end of the leg of one call."""

    dials: bool = False
    "Whether it would connect with another end that does."

    up: bool = False
    farewell: bool = False
    "The other side has said goodbye, and this side has yet to hear it."


@dataclass
class Node:
    """One side: its calls, their timers, and its ends of the legs."""

    calls: dict[Link, Call] = field(default_factory=dict)
    timers: dict[Link, Timer] = field(default_factory=dict)
    ears: dict[Link, Ear] = field(default_factory=dict)

    def live(self) -> list[Link]:
        return [link for link, call in self.calls.items() if not call.ended]

    def active(self) -> list[Link]:
        return [link for link, call in self.calls.items() if call.state is State.ACTIVE]


Step = Callable[[], None]


class World:
    """Two nodes, 0 and 1, a chat between them, and the paths of their calls."""

    def __init__(self) -> None:
        self.nodes = (Node(), Node())
        self.chat: list[tuple[int, Link, str]] = []
        "Messages: the recipient, the link of the call, and the text."

    # What people do

    def place(self, at: int, link: Link, *, paired: bool) -> None:
        self._set(at, link, *outgoing(paired=paired))

    def happen(self, at: int, link: Link, event: Event) -> None:
        call, effects = step(self.nodes[at].calls[link], event)
        self._set(at, link, call, effects)

    # What may come next

    def letters(self) -> list[Step]:
        """Everything in the chat, in any order."""
        return [lambda letter=letter: self._read(*letter) for letter in self.chat]  # type: ignore[misc]

    def sounds(self) -> list[Step]:
        """Legs that connect, goodbyes, and paths that are found to be lost."""
        steps: list[Step] = []
        for at, node in enumerate(self.nodes):
            for link, ear in node.ears.items():
                other = self.nodes[1 - at].ears.get(link, Ear())
                if ear.dials and not ear.up and other.dials:
                    steps.append(lambda at=at, link=link: self._connect(at, link))  # type: ignore[misc]
                elif ear.up and ear.farewell:
                    steps.append(lambda at=at, link=link: self.happen(at, link, RemoteBye()))  # type: ignore[misc]
                elif ear.up and not other.dials:
                    steps.append(lambda at=at, link=link: self.lose(at, link))  # type: ignore[misc]
        return steps

    def clocks(self) -> list[Step]:
        """Timers that may run out."""
        return [
            lambda at=at, link=link, timer=timer: self.happen(at, link, RUNS_OUT[timer])  # type: ignore[misc]
            for at, node in enumerate(self.nodes)
            for link, timer in node.timers.items()
        ]

    def settle(self) -> None:
        """Deliver everything in the order in which it was sent."""
        while steps := self.letters() or self.sounds():
            steps[0]()

    def lose(self, at: int, link: Link) -> None:
        """Let one side find that the path is lost. The other side finds it once this one has left the leg."""
        self.nodes[at].ears[link].up = False
        self.nodes[1 - at].ears[link].dials = self.nodes[1 - at].ears[link].up = False
        self.happen(at, link, PathLost())
        if self.nodes[1 - at].calls[link].state is State.ACTIVE:
            self.happen(1 - at, link, PathLost())

    # What effects do

    def _set(self, at: int, link: Link, call: Call, effects: tuple[Effect, ...]) -> None:
        node = self.nodes[at]
        node.calls[link] = call
        for effect in effects:
            self._carry_out(at, link, effect)
        if call.state is State.ACTIVE:
            for twin in node.live():
                if twin != link:
                    self.happen(at, twin, Replaced())

    def _carry_out(self, at: int, link: Link, effect: Effect) -> None:
        node, other = self.nodes[at], self.nodes[1 - at]
        match effect:
            case Listen():
                node.ears[link] = Ear(dials=node.calls[link].paired)
            case OpenLeg():
                node.ears[link] = Ear(dials=True)
            case TryResponse() | Redial():
                node.ears[link].dials = True
            case CloseLeg():
                node.ears[link] = Ear()
            case SayBye():
                if node.ears[link].up and link in other.ears:
                    other.ears[link].farewell = True
            case PostRequest() | PostAnswer() | PostDecline() | PostBusy() | PostCancel():
                self.chat.append((1 - at, link, type(effect).__name__))
            case StartTimer():
                node.timers[link] = effect.timer
            case StopTimer():
                del node.timers[link]
            case AnswerTheirs() | Ring() | StopRinging() | AnnounceAnswer() | TakeMessage() | Noted():
                pass

    def _connect(self, at: int, link: Link) -> None:
        node = self.nodes[at]
        node.ears[link].up = True
        redialled = node.calls[link].state is State.RECONNECTING
        self.happen(at, link, PathRestored() if redialled else LegUp())

    def _read(self, at: int, link: Link, word: str) -> None:
        self.chat.remove((at, link, word))
        node = self.nodes[at]
        if word == "PostRequest":
            self._read_request(at, link)
        elif link in node.live():
            paired = node.calls[link].paired
            words: dict[str, Event] = {
                "PostAnswer": RemoteAccepted(),
                "PostDecline": RemoteDeclined(paired),
                "PostBusy": RemoteBusy(paired),
                "PostCancel": RemoteCancelled(),
            }
            self.happen(at, link, words[word])

    def _read_request(self, at: int, link: Link) -> None:
        node = self.nodes[at]
        paired = link[0] == LinkKind.PAIRED.first_byte
        ours = [each for each in node.live() if node.calls[each].role is Role.CALLER]
        if ours:
            call, effects = step(node.calls[ours[0]], Glare(glare(ours[0], link)))
            self._set(at, ours[0], call, effects)
            if AnswerTheirs() in effects:
                self._set(at, link, *incoming(Answer(), paired=paired))
        else:
            # Every second link reaches an answering machine.
            first = Busy() if node.live() else Offered(machine=link[1] % 2 == 1)
            self._set(at, link, *incoming(first, paired=paired))


def link_of(number: int, *, paired: bool) -> Link:
    kind = LinkKind.PAIRED if paired else LinkKind.REQUEST
    return bytes([kind.first_byte, number])


PAIRED = pytest.mark.parametrize("paired", [True, False], ids=["paired", "first contact"])


def connected(*, paired: bool) -> tuple[World, Link]:
    world, link = World(), link_of(1, paired=paired)
    world.place(0, link, paired=paired)
    world.settle()
    world.happen(1, link, Answer())
    world.settle()
    return world, link


def ends(world: World, link: Link) -> tuple[EndReason | None, EndReason | None]:
    return world.nodes[0].calls[link].reason, world.nodes[1].calls[link].reason


@PAIRED
def test_a_call_that_is_answered_is_active_on_both_sides(paired: bool) -> None:
    world, link = connected(paired=paired)
    assert world.nodes[0].active() == world.nodes[1].active() == [link]


@PAIRED
@pytest.mark.parametrize("who", [0, 1])
def test_who_hangs_up_ends_the_call_for_both(paired: bool, who: int) -> None:
    world, link = connected(paired=paired)
    world.happen(who, link, HangUp())
    world.settle()
    assert set(ends(world, link)) == {EndReason.HUNG_UP, EndReason.REMOTE_HUNG_UP}


@PAIRED
def test_a_program_that_stops_has_hung_up_for_the_other_side(paired: bool) -> None:
    world, link = connected(paired=paired)
    world.happen(0, link, Stop())
    world.settle()
    assert ends(world, link) == (EndReason.STOPPED, EndReason.REMOTE_HUNG_UP)


@PAIRED
def test_a_lost_path_is_restored_on_both_sides_without_a_link(paired: bool) -> None:
    world, link = connected(paired=paired)
    world.lose(0, link)
    assert world.chat == []
    world.settle()
    assert world.nodes[0].active() == world.nodes[1].active() == [link]


@PAIRED
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("smaller", [0, 1])
def test_both_calling_each_other_gives_one_call(paired: bool, first: int, smaller: int) -> None:
    world = World()
    links = [link_of(1 + (at != smaller), paired=paired) for at in (0, 1)]
    world.place(first, links[first], paired=paired)
    world.place(1 - first, links[1 - first], paired=paired)
    world.settle()
    assert world.nodes[0].active() == world.nodes[1].active() == [links[smaller]]
    assert world.nodes[1 - smaller].calls[links[1 - smaller]].reason is EndReason.REPLACED


def test_a_contact_that_lost_the_pair_secret_and_calls_at_the_same_time_is_answered() -> None:
    world = World()
    unreadable, request = link_of(1, paired=True), link_of(2, paired=False)
    world.place(0, unreadable, paired=True)
    world.chat.clear()
    world.place(1, request, paired=False)
    world.settle()
    assert world.nodes[0].active() == world.nodes[1].active() == [request]


RARE_MOVES = ["place", "decline", "hang up", "stop", "time", "path", "forge"]
MOVES = ["go on"] * 9 + ["answer"] * 6 + ["place"] + RARE_MOVES
FORGERIES: list[Event] = [RemoteAccepted(), RemoteDeclined(False), RemoteBusy(False)]


def move(world: World, data: st.DataObject, *, paired: bool) -> None:
    """Let people, the chat, the path or the clocks do one thing."""
    match data.draw(st.sampled_from(MOVES)):
        case "go on":
            steps = world.letters() + world.sounds()
            if steps:
                data.draw(st.sampled_from(steps))()
        case "place":
            at, link = data.draw(st.integers(0, 1)), link_of(data.draw(st.integers(0, 255)), paired=paired)
            if not world.nodes[at].live() and not any(link in node.calls for node in world.nodes):
                world.place(at, link, paired=paired)
        case what:
            at = data.draw(st.integers(0, 1))
            for link in world.nodes[at].live():
                disturb(world, at, link, what, data)


def disturb(world: World, at: int, link: Link, what: str, data: st.DataObject) -> None:
    node = world.nodes[at]
    match what, node.calls[link].state:
        case "answer", State.RINGING:
            world.happen(at, link, Answer())
        case "decline", State.RINGING:
            world.happen(at, link, Decline())
        case "hang up", _:
            world.happen(at, link, HangUp())
        case "stop", _:
            world.happen(at, link, Stop())
        case "time", _ if link in node.timers:
            world.happen(at, link, RUNS_OUT[node.timers[link]])
        case "path", State.ACTIVE:
            world.lose(at, link)
        case "forge", _ if not node.calls[link].paired:
            world.happen(at, link, data.draw(st.sampled_from(FORGERIES)))


def active_here_is_active_there(world: World) -> bool:
    one, other = world.nodes
    return set(one.active()) == set(other.active()) and all(
        node.ears[link].up for node in world.nodes for link in node.active()
    )


@settings(max_examples=400, deadline=None)
@given(data=st.data(), paired=st.booleans())
def test_whatever_happens_nobody_is_left_waiting(data: st.DataObject, paired: bool) -> None:
    world = World()
    for _ in range(data.draw(st.integers(10, 50))):
        move(world, data, paired=paired)
        assert all(len(node.active()) <= 1 for node in world.nodes)
    world.settle()
    assert active_here_is_active_there(world)
    while clocks := world.clocks():
        clocks[0]()
        world.settle()
    assert active_here_is_active_there(world)
    assert all(call.ended or call.state is State.ACTIVE for node in world.nodes for call in node.calls.values())
