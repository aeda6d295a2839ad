"""Which call a command without a name means: never the latest, because anybody can have caused that one meanwhile."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

import pytest

from bot.assistant.which_call import (
    JUST_NOW_SECONDS,
    LATELY_SECONDS,
    to_agree,
    to_answer,
    to_decline,
    to_differ,
    to_hang_up,
    to_record,
    to_resume,
    to_save,
    to_say,
    to_write,
)
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from shared.call.records import CallRecord
from shared.call.table import Call, EndReason, State
from shared.errors import InputError, NoCall, NothingRings, NotRecordable, WhichCall
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from tests.bot.console import connect, hang_up, people, ring
from tests.bot.stranger import forged, stranger
from tests.peer.handset.wire import wire_page

NOW = 1_000_000.0
ANNA, BOB, MALLORY, OTHER = (NodeId(bytes([number]) * 32) for number in (1, 2, 3, 4))


def call(
    node: NodeId,
    name: str | None = None,
    *,
    proven: bool = False,
    state: State = State.RINGING,
    held: bool = False,
    on_hold: bool = False,
    keyed: bool = False,
) -> Line:
    line = Line(
        1,
        Call(Role.CALLEE, paired=proven, state=state, on_hold=on_hold),
        CallLink(node, Media.BOTH, created=0, proven=proven, keyed=keyed),
        chat="chat",
        expires=600,
        connection=ConnectionState(Media.BOTH),
        shown=Presented(name),
    )
    if held:

        async def release() -> None:
            pass

        line.wait_for_owner(release)
    return line


def ended(node: NodeId, name: str = "", *, ago: float = 1, **values: object) -> CallRecord:
    record = CallRecord(
        reference=bytes(8),
        peer=node,
        role=str(Role.CALLEE),
        media=Media.BOTH,
        started=0,
        connected=None,
        ended=int(NOW - ago),
        reason=str(EndReason.REMOTE_CANCELLED),
        name=name,
    )
    return dataclasses.replace(record, **values)  # type: ignore[arg-type]


async def test_a_stranger_who_saw_a_contacts_link_takes_nobodys_answer(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob), stranger(tmp_path, bob.id) as mallory:
        await bob.asked("/contact ring anna", kind="contact.rings")
        await ring(anna, bob)
        bob.write(mallory.request.token, sender="mallory")
        await bob.told(kind="call.stranger-rings")
        assert "Say which" in await bob.asked("/decline", kind="error.which-call")
        bob.write("/answer")
        await anna.call("active")
        states = {one["with"]: one["state"] for one in (await bob.status())["calls"]}
        assert states["anna"] in ("connecting", "active")
        assert "ringing" in states.values()
        await bob.asked(f"/decline {mallory.node.short} not now")
        await bob.call("ended", reason="declined")
        await hang_up(anna, bob)


async def test_of_several_that_prove_nothing_none_is_taken_without_its_name(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        nodes = [NodeId(secrets.token_bytes(32)) for _ in range(2)]
        await bob.after_all([("chat", forged(bob, node)) for node in nodes])
        for command in ("/answer", "/answer audio", "/decline", "/decline I am busy"):
            said = await bob.asked(command, kind="error.which-call")
            assert all(node.short in said for node in nodes)
        code, _, errors = await bob.cli("answer")
        assert code == 1
        assert f"copybara answer {nodes[0].short}" in errors
        assert {one["state"] for one in (await bob.status())["calls"]} == {"ringing"}
        code, _, _ = await bob.cli("answer", "audio", "--name", nodes[0].short)
        assert code == 0
        states = {one["node"]: one["state"] for one in (await bob.status())["calls"]}
        assert states == {str(nodes[0]): "connecting", str(nodes[1]): "ringing"}
        bob.write(f"/decline {nodes[1].short}")
        await bob.call("ended", reason="declined")
        bob.write("/hangup")
        await bob.call("ended")


async def test_what_is_written_in_one_call_never_reaches_the_machines_caller(friends: Path, tmp_path: Path) -> None:
    configs = {"bob": '[answer]\nendpoint = "pattern"\nmachine_after = 10\n'}
    async with (
        people(tmp_path, "anna", "bob", "carol", homes=friends, configs=configs) as (anna, bob, carol),
        wire_page(bob),  # with a page others ring during a call
    ):
        await connect(anna, bob)
        carol.write("/call bob")
        await carol.call("active")
        assert "Sent to anna" in await bob.asked("/say the key is under the mat", kind="call.text-sent")
        assert "under the mat" in await anna.told(kind="call.text")
        await bob.asked("/say anna: and the door is open", kind="call.text-sent")
        assert "bob writes: and the door is open" in await anna.told(kind="call.text")
        assert "Nothing was sent" in await bob.asked("/say carol: hello", kind="error.input")
        assert (await bob.cli("hangup", "carol"))[0] == 0
        await bob.call("ended")
        await carol.call("ended", reason="remote-hung-up")
        assert not [said for said in carol.said if said.get("kind") == "call.text"]
        assert [one["with"] for one in (await bob.status())["calls"]] == ["anna"]
        await hang_up(bob, anna)


async def test_hangup_takes_none_of_several_without_its_name(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        nodes = [NodeId(secrets.token_bytes(32)) for _ in range(2)]
        await bob.after_all([("chat", forged(bob, node)) for node in nodes])
        said = await bob.asked("/hangup", kind="error.which-call")
        assert all(f"/hangup {node.short}" in said for node in nodes)
        await bob.asked("/hangup nobody", kind="error.no-call")
        await bob.asked(f"/hangup {nodes[0].short}")
        await bob.call("ended")
        assert [one["node"] for one in (await bob.status())["calls"]] == [str(nodes[1])]
        bob.write("/hangup")
        await bob.call("ended")


async def test_a_stranger_who_called_last_is_not_saved_under_anothers_name(tmp_path: Path) -> None:
    async with people(tmp_path, "bob", "dora", "mallory") as (bob, dora, mallory):
        for person in (dora, mallory):
            person.write(f"/call {bob.node}")
            await bob.told(kind="call.stranger-rings")
            bob.write("/answer")
            await bob.told(kind="call.words")
            await person.call("active")
            await hang_up(person, bob)
        said = await bob.asked("/contact add dora", kind="error.which-call")
        assert f"/contact add NAME {dora.node}" in said
        assert f"/contact add NAME {mallory.node}" in said
        assert await bob.asked(f"/contact add dora {dora.node}", kind="contact.saved")
        assert mallory.node[:8] in await bob.asked("/contact add mallory", kind="contact.saved")


def test_one_call_that_rings_needs_no_name() -> None:
    line = call(MALLORY)
    assert to_answer([line], [], NOW) is line
    assert to_decline([line], [], NOW, "I am busy") == (line, "I am busy")
    for choose in (lambda: to_answer([], [], NOW), lambda: to_decline([], [], NOW, "")):
        with pytest.raises(NothingRings):
            choose()


def test_of_several_the_only_one_that_is_proven_is_answered() -> None:
    anna, mallory = call(ANNA, "anna", proven=True), call(MALLORY)
    assert to_answer([anna, mallory], [], NOW) is anna
    assert to_answer([mallory, anna, call(ANNA, "anna")], [], NOW) is anna
    with pytest.raises(WhichCall):
        to_answer([anna, call(BOB, "bob", proven=True)], [], NOW)
    with pytest.raises(WhichCall):
        to_decline([anna, mallory], [], NOW, "")


def test_calls_of_one_node_are_not_asked_about() -> None:
    one, other = call(OTHER, "friend"), call(OTHER, "friend")
    assert to_answer([one, other], [], NOW) is other
    assert to_decline([one, other], [], NOW, "no") == (other, "no")
    anna = call(ANNA, "anna", proven=True)
    assert to_answer([anna, call(ANNA, "anna")], [], NOW) is anna


def test_a_name_says_which() -> None:
    anna, impostor, bob = call(ANNA, "anna", proven=True), call(ANNA, "anna"), call(BOB, "bob", proven=True)
    rings = [anna, bob, impostor]
    assert to_answer(rings, [], NOW, "Anna") is anna
    assert to_answer(rings, [], NOW, str(BOB)) is bob
    assert to_decline(rings, [], NOW, "bob I am busy") == (bob, "I am busy")
    with pytest.raises(NothingRings):
        to_answer(rings, [], NOW, "carol")


def test_a_name_with_spaces_says_which() -> None:
    ann, lee, bob = call(ANNA, "Ann", proven=True), call(OTHER, "Ann Lee", proven=True), call(BOB, "bob", proven=True)
    rings = [ann, lee, bob]
    for said in ("Ann Lee", "ann lee", "Ann-Lee"):
        assert to_answer(rings, [], NOW, said) is lee
        assert to_decline(rings, [], NOW, f"{said} I am busy") == (lee, "I am busy")
    assert to_decline(rings, [], NOW, "Ann I am busy") == (ann, "I am busy")
    up = [call(OTHER, "Ann Lee", proven=True, state=State.ACTIVE), call(BOB, "bob", proven=True, state=State.ACTIVE)]
    assert to_hang_up(up, "ann lee") is up[0]
    assert to_write(up, [], NOW, "Ann Lee: hello", ["Ann", "Ann Lee", "bob"]) == (up[0], "hello")


def test_words_for_somebody_who_doesnt_ring_decline_nobody_whose_name_begins_alike() -> None:
    ann = call(ANNA, "Ann", proven=True)
    assert to_decline([ann], [], NOW, "Ann later", ["Ann", "Ann Lee"]) == (ann, "later")
    with pytest.raises(NothingRings):
        to_decline([ann], [], NOW, "Ann Lee later", ["Ann", "Ann Lee"])
    with pytest.raises(NothingRings):
        to_decline([ann], [ended(OTHER, "Ann Lee")], NOW, "Ann Lee later", ["Ann", "Ann Lee"])


def test_two_nodes_that_begin_alike_are_told_apart_by_the_whole_id() -> None:
    one, other = (call(NodeId(bytes(31) + bytes([number]))) for number in (1, 2))
    with pytest.raises(WhichCall) as refused:
        to_answer([one, other], [], NOW, one.peer.short)
    assert f"/answer {one.peer}" in refused.value.hint
    assert to_answer([one, other], [], NOW, str(other.peer)) is other


def test_a_contacts_name_is_no_beginning_of_a_node_id() -> None:
    """Anyone who searches long enough finds a key whose id begins like the name of a contact."""
    stranger = call(MALLORY)
    name = str(MALLORY)[:10]
    assert to_answer([stranger], [], NOW, name) is stranger
    with pytest.raises(NothingRings):
        to_answer([stranger], [], NOW, name, [name.upper()])
    up = call(MALLORY, state=State.ACTIVE)
    with pytest.raises(NoCall):
        to_hang_up([up], name, [name])
    with pytest.raises(InputError):
        to_write([up], [], NOW, f"{name}: the key is under the mat", [name])


def test_an_answer_that_crosses_the_end_of_a_ring_takes_no_other_call() -> None:
    held = call(BOB, "bob", proven=True, state=State.ACTIVE, held=True)
    mallory = call(MALLORY)
    for lines in ([held], [mallory], [held, mallory]):
        with pytest.raises(WhichCall) as refused:
            to_answer(lines, [ended(ANNA, "anna")], NOW)
        assert "anna has just stopped calling" in refused.value.sentence
        assert to_answer(lines, [ended(ANNA, "anna", ago=JUST_NOW_SECONDS)], NOW) is lines[-1]
        assert to_answer(lines, [ended(ANNA, "anna", reason=str(EndReason.DECLINED))], NOW) is lines[-1]
    assert to_answer([held], [ended(ANNA, "anna")], NOW, "bob") is held
    assert to_answer([mallory], [ended(ANNA, "anna")], NOW, mallory.peer.short) is mallory
    with pytest.raises(NothingRings):
        to_decline([mallory], [ended(ANNA, "anna")], NOW, "anna")


def test_declining_a_stranger_who_gives_up_meanwhile_declines_no_contact_who_rings_behind_them() -> None:
    """Anybody who sees a contact's link can let a call of their own ring in front of theirs, and take it back."""
    anna = call(ANNA, "anna", proven=True)
    for gone in (ended(MALLORY), ended(BOB, "bob", proven=True), ended(ANNA, "anna")):
        for said in ("", "I am busy"):
            with pytest.raises(WhichCall) as refused:
                to_decline([anna], [gone], NOW, said)
            assert "has just stopped calling. The call ringing now is a different one: anna." in refused.value.sentence
            assert refused.value.hint == "To decline that one: /decline anna"
        assert to_decline([anna], [gone], NOW, "anna I am busy") == (anna, "I am busy")
        assert to_decline([anna], [gone], NOW + JUST_NOW_SECONDS, "no") == (anna, "no")
    assert to_decline([anna], [ended(MALLORY, reason=str(EndReason.DECLINED))], NOW, "no") == (anna, "no")


def test_who_calls_again_is_answered_without_a_name() -> None:
    assert to_answer([line := call(OTHER)], [ended(OTHER)], NOW) is line
    assert to_decline([line := call(OTHER)], [ended(OTHER)], NOW, "no") == (line, "no")
    anna = call(ANNA, "anna", proven=True)
    assert to_decline([anna], [ended(ANNA, "anna", proven=True)], NOW, "no") == (anna, "no")


def test_an_answer_to_a_contact_is_none_to_the_impostor_who_rings_as_the_contact_gives_up() -> None:
    impostor, gone = call(ANNA, "anna"), ended(ANNA, "anna", proven=True)
    for whom in ("", "anna"):
        with pytest.raises(WhichCall) as refused:
            to_answer([impostor], [gone], NOW, whom)
        assert refused.value.hint.endswith(f"/answer {ANNA.short}")
    assert to_answer([impostor], [gone], NOW, ANNA.short) is impostor
    assert to_answer([impostor, anna := call(ANNA, "anna", proven=True)], [gone], NOW, "anna") is anna


def test_a_call_that_waits_for_the_owner_goes_before_one_that_was_answered() -> None:
    held = call(BOB, "bob", proven=True, state=State.ACTIVE, held=True)
    answered = call(ANNA, "anna", proven=True, state=State.ACTIVE)
    assert to_answer([held, answered], [], NOW) is held
    assert to_answer([answered], [], NOW) is answered
    assert to_answer([held, answered], [], NOW, "anna") is answered


UP, GONE = State.ACTIVE, str(EndReason.REMOTE_HUNG_UP)


def test_a_text_with_a_name_is_for_that_one_alone_also_in_a_conversation() -> None:
    anna, carol = call(ANNA, "anna", proven=True, state=UP), call(OTHER, "carol", proven=True, state=UP)
    both, names = [anna, carol], ["anna", "carol"]
    for line in both:
        line.joins(bytes(16))
    came = max(each.shown.together_since for each in both)
    assert to_say(both, [], came, "carol: not for anna", names) == (carol, "not for anna", True)
    # It may have been typed before the others joined.
    with pytest.raises(WhichCall) as refused:
        to_say(both, [], came, "not for anna", names)
    assert "with anna and carol" in refused.value.sentence
    assert to_say(both, [], came, "all: hello", names) == (anna, "hello", False)
    assert to_say(both, [], came + JUST_NOW_SECONDS, "hello: you", names) == (anna, "hello: you", False)
    assert to_say([call(ANNA, "anna", state=UP)], [], came, "all: hello", names)[1:] == ("all: hello", False)


def test_what_a_clock_has_dated_that_was_set_back_since_keeps_no_command_from_its_call() -> None:
    carol = call(OTHER, "carol", proven=True, state=UP)
    gone = ended(ANNA, "anna", connected=1, reason=GONE, ago=-3700)
    rang = ended(ANNA, "anna", ago=-3700)
    assert to_say([carol], [gone], NOW, "hello", ["carol"]) == (carol, "hello", False)
    assert to_record([carol], [gone], NOW, "") is carol
    assert to_answer([unproven := call(BOB, "bob")], [rang], NOW) is unproven
    stranger = call(BOB, state=UP)
    stranger.connects(bytes(32), None, int(NOW))
    assert to_save([stranger], [ended(MALLORY, connected=1, reason=GONE, ago=-3700)], NOW, []) == BOB
    for line in (both := [carol, call(ANNA, "anna", proven=True, state=UP)]):
        line.joins(bytes(16))
    back = carol.shown.together_since - 3700
    assert to_say(both, [], back, "hello", ["anna", "carol"]) == (carol, "hello", False)


def test_of_two_calls_that_the_owner_is_in_neither_is_guessed() -> None:
    anna, carol = call(ANNA, "anna", proven=True, state=UP), call(OTHER, "carol", proven=True, state=UP)
    both, names = [anna, carol], ["anna", "carol", "dora"]
    with pytest.raises(WhichCall) as refused:
        to_write(both, [], NOW, "hello", names)
    assert "/say anna: TEXT or /say carol: TEXT" in refused.value.hint
    assert to_write(both, [], NOW, "Carol: hello: you", names) == (carol, "hello: you")
    with pytest.raises(WhichCall) as refused:
        to_hang_up(both)
    assert "/hangup anna or /hangup carol" in refused.value.hint
    assert to_hang_up(both, "anna") is anna
    with pytest.raises(NoCall):
        to_hang_up(both, "dora")


def test_words_that_differ_are_of_the_call_that_is_up_or_of_the_latest_and_neither_is_guessed() -> None:
    up, over, proven = (
        call(ANNA, "anna", state=UP),
        call(OTHER, "carol", state=State.ENDED),
        call(BOB, "bob", proven=True),
    )
    for line in (up, over, proven):
        line.pairs("lamp ocean zoo actor", quarantined=False)

    def record(ago: float) -> CallRecord:
        return ended(OTHER, "carol", ago=ago, reference=over.link.reference)

    with pytest.raises(WhichCall) as refused:
        to_differ([up, proven], over, [record(JUST_NOW_SECONDS - 2)], NOW)
    assert "/differ carol or /differ anna" in refused.value.hint
    assert to_differ([up, proven], over, [record(JUST_NOW_SECONDS + 2)], NOW) is up
    assert to_differ([up], over, [record(JUST_NOW_SECONDS + 2)], NOW, "carol") is over
    assert to_differ([proven], over, [record(LATELY_SECONDS - 2)], NOW) is over
    for lines, ago, whom in (([], LATELY_SECONDS + 2, ""), ([up], 1, "bob"), ([proven], LATELY_SECONDS + 2, "bob")):
        with pytest.raises(NoCall):
            to_differ(lines, over, [record(ago)], NOW, whom)


def test_a_text_is_for_all_of_a_conversation_and_a_file_for_one_person() -> None:
    anna, carol = call(ANNA, "anna", proven=True, state=UP), call(OTHER, "carol", proven=True, state=UP)
    for each in (anna, carol):
        each.joins(b"conversation")
    both, names = [anna, carol], ["anna", "carol"]
    assert to_write(both, [], NOW, "hello", names) == (anna, "hello")
    with pytest.raises(WhichCall) as refused:
        to_write(both, [], NOW, "~/a.jpg", names, "/send")
    assert refused.value.hint == "Say to whom: /send anna: FILE or /send carol: FILE"
    assert to_write(both, [], NOW, "carol: ~/a.jpg", names, "/send") == (carol, "~/a.jpg")
    with pytest.raises(WhichCall) as refused:
        to_write([carol], [ended(ANNA, "anna", connected=1, reason=GONE)], NOW, "~/a.jpg", names, "/send")
    assert refused.value.hint == "To send it to carol: /send carol: FILE"


def test_a_text_for_somebody_else_is_not_sent_to_who_is_there() -> None:
    anna = call(ANNA, "anna", proven=True, state=UP)
    machine = call(OTHER, "carol", proven=True, state=UP)
    machine.take_message()
    assert to_write([anna, machine], [], NOW, "note: carol called", ["anna", "carol"]) == (anna, "note: carol called")
    for lines, said in (
        ([anna], "dora: hello"),  # a contact without a call
        ([anna, machine], "carol: hello"),
        ([machine], "hello"),
        ([call(ANNA, "anna", state=State.RECONNECTING), machine], "hello"),
        ([call(ANNA, "anna")], "hello"),
        ([], "hello"),
    ):
        with pytest.raises(InputError):
            to_write(lines, [], NOW, said, ["anna", "carol", "dora"])


def test_a_text_that_crosses_the_end_of_its_call_reaches_no_other() -> None:
    gone = ended(ANNA, "anna", connected=1, reason=GONE)
    carol = call(OTHER, "carol", proven=True, state=UP)
    with pytest.raises(WhichCall) as refused:
        to_write([carol], [gone], NOW, "hello", ["carol"])
    assert "anna has just ended" in refused.value.sentence
    assert to_write([carol], [gone], NOW, "carol: hello", ["carol"]) == (carol, "hello")
    assert to_write([carol], [gone], NOW + JUST_NOW_SECONDS, "hello", ["carol"]) == (carol, "hello")
    assert to_hang_up([call(BOB, "bob", proven=True), carol]) is carol


@pytest.mark.parametrize("whom", ["", "anna"])
def test_a_call_that_has_just_ended_is_not_resumed_as_an_impostors(whom: str) -> None:
    impostor = call(ANNA, "anna", state=UP, on_hold=True, keyed=True)
    gone = ended(ANNA, "anna", connected=1, reason=GONE, proven=True)
    for command in ("/resume", "/swap"):
        with pytest.raises(WhichCall) as refused:
            to_resume([impostor], [gone], NOW, command, whom, ["anna"])
        assert refused.value.hint == f"To go on with that call: {command} {ANNA.short}"
        assert to_resume([impostor], [gone], NOW, command, ANNA.short, ["anna"]) is impostor
        assert to_resume([impostor], [], NOW, command, whom, ["anna"]) is impostor
    with pytest.raises(WhichCall):
        to_record([impostor], [gone], NOW, "", "anna", ["anna"])
    carol = ended(OTHER, "carol", connected=1, reason=GONE, proven=True)
    held = call(ANNA, "anna", proven=True, state=UP, on_hold=True)
    assert to_resume([held], [carol], NOW, "/resume", whom, ["anna"]) is held
    again = call(ANNA, "anna", proven=True, state=UP, on_hold=True)
    assert to_resume([again], [gone], NOW, "/resume", whom, ["anna"]) is again


def test_a_recording_meant_for_a_call_that_has_just_ended_begins_in_no_other() -> None:
    carol = call(OTHER, "carol", proven=True, state=State.ACTIVE)
    gone = ended(ANNA, "anna", connected=1, reason=GONE)
    with pytest.raises(WhichCall) as refused:
        to_record([carol], [gone], NOW, "")
    assert refused.value.sentence == "Nothing is recorded: your call with anna has just ended."
    assert refused.value.hint == "To record the call with carol: /record carol"
    assert to_record([carol], [gone], NOW, "", "carol", ["carol"]) is carol
    long_ago = dataclasses.replace(gone, ended=int(NOW) - JUST_NOW_SECONDS - 1)
    assert to_record([carol], [long_ago], NOW, "") is carol


def test_without_a_call_there_is_nothing_to_record() -> None:
    with pytest.raises(NotRecordable, match="There is no call to record"):
        to_record([], [], NOW, "")


@pytest.mark.parametrize("on_hold", [True, False])
def test_a_text_to_a_contact_whose_call_has_just_ended_is_none_to_an_impostors_call(on_hold: bool) -> None:
    impostor = call(ANNA, "anna", state=UP, on_hold=on_hold)
    gone = ended(ANNA, "anna", connected=1, reason=GONE, proven=True)
    for said in ("the code is 1234", "anna: the code is 1234"):
        with pytest.raises(WhichCall) as refused:
            to_write([impostor], [gone], NOW, said, ["anna"])
        assert refused.value.hint == f"To send it to {ANNA.short} (unproven): /say {ANNA.short}: TEXT"
    assert to_write([impostor], [gone], NOW, f"{ANNA.short}: hello", ["anna"]) == (impostor, "hello")
    again = call(ANNA, "anna", proven=True, state=UP)
    assert to_write([again], [gone], NOW, "anna: I am back", ["anna"]) == (again, "I am back")
    if on_hold:
        with pytest.raises(WhichCall) as refused:
            to_hang_up([impostor], "", ["anna"], [gone], NOW)
        assert "anna (unproven) is still on hold" in refused.value.sentence
        assert to_hang_up([impostor], ANNA.short, ["anna"], [gone], NOW) is impostor


def test_of_two_calls_of_one_node_that_lack_the_key_the_one_gets_nothing_that_was_for_the_other() -> None:
    impostor = call(ANNA, "anna", state=UP, on_hold=True, keyed=True)
    gone = ended(ANNA, "anna", connected=1, reason=GONE)
    for said in ("the key is under the mat", "anna: the key is under the mat"):
        with pytest.raises(WhichCall):
            to_write([impostor], [gone], NOW, said, ["anna"])
    with pytest.raises(WhichCall):
        to_hang_up([impostor], "", ["anna"], [gone], NOW)
    assert to_write([impostor], [gone], NOW, f"{ANNA.short}: hello", ["anna"]) == (impostor, "hello")
    # Nobody shares a key with her yet, and she calls again.
    again = call(ANNA, "anna", state=UP)
    assert to_write([again], [gone], NOW, "anna: I am back", ["anna"]) == (again, "I am back")


def test_a_yes_to_a_contact_is_none_to_a_call_at_their_node_without_the_key() -> None:
    anna, impostor = call(ANNA, "anna", proven=True, state=UP), call(ANNA, "anna", state=UP, keyed=True)
    both = [anna, impostor]
    for whom in ("", "anna"):
        assert to_agree(both, both, [], whom) is anna
        with pytest.raises(WhichCall) as refused:
            to_agree(both, [impostor], [], whom)
        assert refused.value.hint == f"If you want to answer that: /agree {ANNA.short} or /refuse {ANNA.short}"
    assert to_agree(both, [impostor], [], ANNA.short) is impostor
    assert to_agree(both, [], [], "") is None
    with pytest.raises(WhichCall):  # anna's own call, with her question, has just ended
        to_agree([impostor], [impostor], [anna], "anna")


def test_a_yes_that_crosses_the_end_of_its_question_answers_no_other() -> None:
    anna, carol = call(ANNA, "anna", proven=True, state=UP), call(OTHER, "carol", proven=True, state=UP)
    with pytest.raises(WhichCall) as refused:
        to_agree([anna, carol], [carol], [anna])
    assert refused.value.sentence == "anna no longer asks. carol does."
    assert to_agree([anna, carol], [carol], [anna], "carol") is carol
    for whom in ("", "anna"):
        with pytest.raises(WhichCall) as refused:
            to_agree([anna], [anna], [anna], whom)
        assert refused.value.sentence == "anna asks something else by now."


def test_whom_to_save_is_the_only_stranger() -> None:
    def talked(node: NodeId, ago: float) -> CallRecord:
        return ended(node, connected=1, reason=GONE, ago=ago)

    dora = call(BOB, state=UP)
    dora.connects(bytes(32), None, int(NOW))
    long_ago = LATELY_SECONDS + 1
    assert to_save([dora], [], NOW, []) == BOB
    test = Line(
        2,
        dora.call,
        CallLink(MALLORY, Media.BOTH, created=0),
        chat="chat",
        expires=600,
        connection=dora.connection,
        shown=Presented("echo", echo=True),
    )
    assert to_save([dora, test], [], NOW, []) == BOB
    with pytest.raises(InputError):
        to_save([test], [], NOW, [])
    assert to_save([dora], [talked(MALLORY, long_ago)], NOW, []) == BOB
    assert to_save([], [talked(ANNA, 5), talked(BOB, long_ago)], NOW, [ANNA]) == BOB
    assert to_save([], [ended(MALLORY), talked(BOB, 5)], NOW, []) == BOB  # a call that only rang has nobody to save
    assert to_save([], [talked(ANNA, 5), talked(BOB, 9)], NOW, [ANNA, BOB]) == ANNA
    for lines, log in (
        ([dora], [talked(MALLORY, 5)]),
        ([], [talked(MALLORY, 5), talked(BOB, long_ago)]),
    ):
        with pytest.raises(WhichCall):
            to_save(lines, log, NOW, [ANNA])
    with pytest.raises(InputError):
        to_save([], [ended(MALLORY)], NOW, [])
