"""From text to commands. Pure."""

from __future__ import annotations

import importlib
from pkgutil import iter_modules

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.assistant import commands
from bot.assistant.commands import (
    AcceptMove,
    AddContact,
    AddDevice,
    Agree,
    Answer,
    Call,
    Command,
    ConfirmContact,
    Decline,
    Differ,
    HangUp,
    Help,
    Hold,
    LeaveMessage,
    ListContacts,
    OfferSdp,
    OpenHandset,
    Record,
    RemoveContact,
    RemoveDevice,
    RenameContact,
    Say,
    SetEndpoint,
    SetFiles,
    SetProgram,
    SetTrust,
    ShowCard,
    ShowContact,
    ShowLog,
    Status,
    TakeSdp,
)
from bot.texts.chat import HELP
from bot.texts.refusals import CONTACT_USAGE
from peer.calls import programs
from shared.contacts import OTHER_PROGRAMS, Hours, Trust
from shared.errors import InputError, NameNotFound
from shared.media import Media
from shared.printable import as_command, is_printable

NODE = "h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g"

MEANT = {
    '/call "Anna Y" audio': Call("Anna Y", Media.AUDIO),
    "/contact show 'Anna Y'": ShowContact("Anna Y"),
    '/call "anna"': Call("anna", Media.BOTH),
    "/call anna": Call("anna", Media.BOTH),
    "/call anna video": Call("anna", Media.BOTH),
    "/call anna audio": Call("anna", Media.AUDIO),
    "/call anna AUDIO": Call("anna", Media.AUDIO),
    f"/call {NODE}": Call(NODE, Media.BOTH),
    "  /CALL   anna  ": Call("anna", Media.BOTH),
    "/call@bob_bot anna": Call("anna", Media.BOTH),
    "/answer": Answer(),
    "/answer audio": Answer(Media.AUDIO),
    "/answer video": Answer(Media.BOTH),
    "/answer anna": Answer(whom="anna"),
    "/answer anna audio": Answer(Media.AUDIO, "anna"),
    "/decline": Decline(),
    "/decline  I am\n in a   meeting": Decline("I am in a meeting"),
    f"/decline {'x' * 200}": Decline("x" * 200),
    "/decline /hangup": Decline("/hangup"),
    "/hangup": HangUp(),
    "/hangup anna": HangUp("anna"),
    "/differ": Differ(),
    "/differ Ann Lee": Differ("Ann Lee"),
    "/say anna: hello": Say("anna: hello"),
    "/say  hello,\n  you ": Say("hello,\n  you"),
    f"/say {'x' * 4000}": Say("x" * 4000),
    "/log": ShowLog(),
    "/contacts": ListContacts(),
    "/contacts 2": ListContacts(2),
    "\u200b/call anna": Call("anna", Media.BOTH),
    "\ufeff\u2066 /hangup\u2069": HangUp(),
    "\uff0fhangup": HangUp(),
    "/call \u2067אבא\u2069": Call("אבא", Media.BOTH),
    "/call\xa0\u200eanna\u202faudio": Call("anna", Media.AUDIO),
    "/contact add anna": AddContact("anna"),
    f"/contact add anna {NODE}": AddContact("anna", NODE),
    f"/contact add Anna  Miller {NODE}": AddContact("Anna Miller", NODE),
    "/contact rename anna Anna Miller": RenameContact("anna", "Anna Miller"),
    "/contact ADD Anna": AddContact("Anna"),
    "/contact add Ann Lee": AddContact("Ann Lee"),
    "/contact add Ann Lee 2": AddContact("Ann Lee 2"),
    "/contact add Ann Lee copybara.azero": AddContact("Ann Lee", "copybara.azero"),
    "/contact add Ann Lee copybara:FQEgE1o7": AddContact("Ann Lee", "copybara:FQEgE1o7"),
    f"/contact add Ann {NODE[:20]}": AddContact("Ann", NODE[:20]),
    "/devices add old phone": AddDevice("old phone"),
    "/devices add old phone lan": AddDevice("old phone", "lan"),
    "/devices add old phone 200:1234::1": AddDevice("old phone", "200:1234::1"),
    "/devices remove old phone": RemoveDevice("old phone"),
    "/contact show anna": ShowContact("anna"),
    "/contact trust anna": SetTrust("anna", Trust.AUTO),
    "/contact trust anna unproven": SetTrust("anna", Trust.AUTO, unproven=True),
    "/contact trust anna video unproven": SetTrust("anna", Trust.AUTO, Media.BOTH, unproven=True),
    "/contact confirm anna": ConfirmContact("anna"),
    "/contact confirm anna zoo economy also maximum": ConfirmContact("anna", "zoo economy also maximum"),
    "/contact trust anna audio": SetTrust("anna", Trust.AUTO, Media.AUDIO),
    "/contact trust anna 08:00-22:00": SetTrust("anna", Trust.AUTO, None, Hours(480, 1320)),
    "/contact trust anna 22:00-06:00 audio": SetTrust("anna", Trust.AUTO, Media.AUDIO, Hours(1320, 360)),
    "/contact ring anna video": SetTrust("anna", Trust.RING, Media.BOTH),
    "/contact block anna": SetTrust("anna", Trust.BLOCK),
    "/contact rename anna ann": RenameContact("anna", "ann"),
    "/contact remove anna": RemoveContact("anna"),
    "/card": ShowCard(),
    "/handset": OpenHandset(),
    "/status": Status(),
    "/help": Help(),
    "/start": Help(),
}

WRONG = [
    f"/decline {'busy ' * 50}",
    "/",
    "/nonsense",
    "/call",
    "/call anna audio now",
    "/answer audio video",
    "/contacts all",
    "/log 2",
    "/contact",
    "/contact anna",
    "/contact add",
    "/contact trust",
    "/contact trust anna audio video 08:00-09:00",
    "/contact trust anna 8-9:00",
    "/contact trust anna 08:00-08:00",
    "/contact trust anna 25:00-26:00",
    "/contact block anna audio",
    "/contact rename anna",
    "/contact remove",
    "/card anna",
    "/handset now",
    "/help me",
    "/call " + "a" * 401,
]

texts = st.text() | st.lists(
    st.sampled_from(
        [
            "/call",
            "/answer",
            "/contact",
            "/name",
            "add",
            "trust",
            "ring",
            "rename",
            "audio",
            "08:00-22:00",
            "anna",
            NODE,
        ]
    )
    | st.text(max_size=20),
    max_size=6,
).map(" ".join)


@pytest.mark.parametrize(("text", "command"), MEANT.items())
def test_a_command_means_what_the_help_says(text: str, command: Command) -> None:
    assert commands.is_command(text)
    assert commands.parse(text) == command


NAMES = ["Ann", "Ann Lee", "Ann Rebuild", "Conan O'Brien", "Anna-Maria Lee", "carol"]

WITH_A_NAME = {
    "/call Ann Lee": Call("Ann Lee", Media.BOTH),
    "/call ann  lee": Call("ann lee", Media.BOTH),
    "/call Ann-Lee": Call("Ann-Lee", Media.BOTH),
    "/call Ann Lee audio": Call("Ann Lee", Media.AUDIO),
    "/call Ann-Lee audio": Call("Ann-Lee", Media.AUDIO),
    "/call Ann Lee classic audio": Call("Ann Lee", Media.AUDIO, "classic"),
    "/call Ann audio": Call("Ann", Media.AUDIO),
    "/call Ann\u00a0\u2066Lee\u2069 audio": Call("Ann Lee", Media.AUDIO),
    "/call Anna Maria Lee audio": Call("Anna Maria Lee", Media.AUDIO),
    "/answer Ann Lee": Answer(whom="Ann Lee"),
    "/answer Ann Lee hold audio": Answer(Media.AUDIO, "Ann Lee", "hold"),
    "/answer hold Ann Lee": Answer(None, "Ann Lee", "hold"),
    "/hangup Conan O'Brien": HangUp("Conan O'Brien"),
    "/hold Ann Lee": Hold("Ann Lee"),
    "/record Ann Lee": Record("", "Ann Lee"),
    "/record stop ann lee": Record("stop", "ann lee"),
    "/agree Ann Lee": Agree("Ann Lee"),
    "/message Ann Lee /a b.ogg": LeaveMessage("Ann Lee", "/a b.ogg"),
    "/message Ann-Lee /a  b.ogg": LeaveMessage("Ann-Lee", "/a  b.ogg"),
    "/message Ann /a b.ogg": LeaveMessage("Ann", "/a b.ogg"),
    "/sdp offer Ann Lee audio": OfferSdp("Ann Lee", Media.AUDIO),
    "/sdp answer Ann Lee v=0 x  y": TakeSdp("offer", "v=0 x  y", "Ann Lee"),
    "/contact show Ann Lee": ShowContact("Ann Lee"),
    "/contact trust Ann Lee unproven video 08:00-22:00": SetTrust(
        "Ann Lee", Trust.AUTO, Media.BOTH, Hours(480, 1320), unproven=True
    ),
    "/contact block Ann Lee": SetTrust("Ann Lee", Trust.BLOCK),
    "/contact confirm Ann Lee such rebuild roast lazy": ConfirmContact("Ann Lee", "such rebuild roast lazy"),
    "/contact confirm Ann rebuild such roast lazy": ConfirmContact("Ann", "rebuild such roast lazy"),
    "/contact confirm Ann Rebuild rebuild such roast lazy": ConfirmContact("Ann Rebuild", "rebuild such roast lazy"),
    "/contact confirm Ann Lee": ConfirmContact("Ann Lee"),
    "/contact move Ann Lee h8syf1xc": AcceptMove("Ann Lee", "h8syf1xc"),
    "/contact endpoint Ann Lee echo": SetEndpoint("Ann Lee", "echo"),
    "/contact program Ann Lee classic": SetProgram("Ann Lee", "classic"),
    "/contact files Ann Lee always": SetFiles("Ann Lee", always=True),
    "/contact rename Ann Lee Ann Smith": RenameContact("Ann Lee", "Ann Smith"),
    "/contact rename Ann-Lee Ann Lee": RenameContact("Ann-Lee", "Ann Lee"),
    "/contact rename carol Ann Lee": RenameContact("carol", "Ann Lee"),
    "/contact remove Ann Lee": RemoveContact("Ann Lee"),
}


@pytest.mark.parametrize(("text", "command"), WITH_A_NAME.items())
def test_a_contacts_name_may_have_spaces_in_every_command(text: str, command: Command) -> None:
    assert commands.parse(text, lambda: NAMES) == command


@pytest.mark.parametrize(
    "text",
    [
        "/call Ann Smith",
        "/call Ann Lee audio now",
        "/hangup Ann Smith",
        "/contact block Ann Smith",
        "/contact remove Ann Le",
    ],
)
def test_nothing_is_done_to_the_one_whose_name_only_begins_alike(text: str) -> None:
    with pytest.raises(InputError):
        commands.parse(text, lambda: NAMES)


@pytest.mark.parametrize(
    ("text", "command"),
    {
        "/call Zoe Quinn": Call("Zoe Quinn", Media.BOTH),
        "/call Zoe Quinn audio": Call("Zoe Quinn", Media.AUDIO),
        "/hangup Zoe Quinn": HangUp("Zoe Quinn"),
        "/contact trust Zoe Quinn 08:00-22:00": SetTrust("Zoe Quinn", Trust.AUTO, None, Hours(480, 1320)),
        "/contact rename Zoe Quinn": RenameContact("Zoe", "Quinn"),
    }.items(),
)
def test_a_name_that_no_contact_has_may_have_spaces_too(text: str, command: Command) -> None:
    assert commands.parse(text, lambda: NAMES) == command


@pytest.mark.parametrize(
    "text", [f"/call {NODE} smell", "/call carol smell", "/answer carol loudly", "/hangup carol now"]
)
def test_what_stands_behind_a_node_id_or_a_contacts_name_is_no_part_of_it(text: str) -> None:
    with pytest.raises(InputError):
        commands.parse(text, lambda: NAMES)


def test_a_mistyped_name_with_spaces_is_asked_back() -> None:
    for text in ("/call Ann Le", "/contact block Ann Leee"):
        with pytest.raises(NameNotFound) as wrong:
            commands.parse(text, lambda: NAMES)
        assert wrong.value.hint.startswith("Did you mean ")
    with pytest.raises(InputError) as wrong_media:
        commands.parse("/call carol vdeo", lambda: NAMES)
    assert wrong_media.value.sentence == "A call is either audio or video."


def test_the_contacts_are_read_only_for_words_that_may_be_a_name() -> None:
    def none() -> list[str]:
        raise AssertionError("nobody is meant")

    for text in (
        "/status",
        "/call anna",
        "/say Ann Lee: hello",
        "/contact show anna",
        "/name follow anna.azero",
        "/answer",
    ):
        commands.parse(text, none)


@pytest.mark.parametrize("text", WRONG)
def test_wrong_use_gets_a_sentence_that_says_what_to_do(text: str) -> None:
    with pytest.raises(InputError) as wrong:
        commands.parse(text)
    assert wrong.value.sentence.endswith((".", ":"))
    assert wrong.value.hint or "too long" in wrong.value.sentence


@pytest.mark.parametrize(
    ("text", "meant"),
    {
        "/cal anna": "/call",
        "/anwser": "/answer",
        "/contact trsut anna": "/contact trust",
        "/devices ad phone": "/devices add",
        "/files acept 1": "/files accept",
    }.items(),
)
def test_a_mistyped_command_is_asked_back(text: str, meant: str) -> None:
    with pytest.raises(InputError) as wrong:
        commands.parse(text)
    assert wrong.value.hint.startswith(f"Did you mean {meant}?")


@pytest.mark.parametrize("text", ["/carol", "/Carol!"])
def test_a_contacts_name_in_a_commands_place_is_asked_back_as_a_call(text: str) -> None:
    with pytest.raises(InputError) as wrong:
        commands.parse(text, lambda: NAMES)
    assert wrong.value.hint == "Did you mean /call carol?"


@given(texts)
def test_any_text_is_a_command_or_gets_a_sentence(text: str) -> None:
    try:
        assert isinstance(commands.parse(text), Command)
    except InputError as wrong:
        said = wrong.sentence + wrong.hint
        # Outside of pytest.raises, because either is right.
        if not said or not is_printable(said):
            pytest.fail(f"{said!r} isn't a sentence to show")


@given(texts)
def test_whatever_is_meant_as_a_command_begins_with_a_slash_and_a_letter(text: str) -> None:
    stripped = as_command(text)  # without what nobody sees before it
    assert commands.is_command(text) == (stripped[:1] == "/" and stripped[1:2].isalpha())


@given(st.text(max_size=200))
def test_a_reason_is_one_bounded_line(text: str) -> None:
    command = commands.parse(f"/decline {text}")
    assert isinstance(command, Decline)
    assert len(command.why) <= 200
    assert command.why == " ".join(command.why.split())


@pytest.mark.parametrize("text", ["call anna", "", " ", "//call", "/ call", "/1", "see /call", "/\u202ecall"])
def test_other_text_is_no_command(text: str) -> None:
    assert not commands.is_command(text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/\uff43\uff41\uff4c\uff4c anna", "/call anna"),
        ("/call anna \uff21\uff55\uff44\uff49\uff4f", "/call anna audio"),
        ("/answer audio.", "/answer audio"),
        ("/hangup!", "/hangup"),
        ("/status\u3002", "/status"),
        ("/contacts \uff12", "/contacts 2"),
        ("/contacts \u06f2", "/contacts 2"),
        ("/contact trust anna 08:00\u201322:00", "/contact trust anna 08:00-22:00"),
        ("/contact trust anna 08\uff1a00\uff0d22\uff1a00", "/contact trust anna 08:00-22:00"),
        ("/contact trust anna \u0660\u0668:\u0660\u0660-\u0662\u0662:\u0660\u0660", "/contact trust anna 08:00-22:00"),
        (
            "/contact confirm anna \u201cboil, direct, round, noise\u201d",
            "/contact confirm anna boil direct round noise",
        ),
        ("/\uff43\uff4f\uff4e\uff54\uff41\uff43\uff54 \uff53\uff48\uff4f\uff57 anna", "/contact show anna"),
    ],
)
def test_a_command_is_read_as_the_keyboard_wrote_it(written: str, meant: str) -> None:
    assert commands.parse(written) == commands.parse(meant)


def test_names_and_texts_stay_as_they_were_typed() -> None:
    assert commands.parse("/call \uff21nna.") == commands.Call("\uff21nna.", Media.BOTH)
    assert commands.parse("/say Wait \u2014 \uff11!") == commands.Say("Wait \u2014 \uff11!")


@pytest.mark.parametrize("program", OTHER_PROGRAMS)
def test_every_other_program_is_one_that_a_contact_can_be_called_with(program: str) -> None:
    assert commands.parse(f"/call Ann Lee {program}", lambda: ["Ann Lee"]) == Call("Ann Lee", Media.BOTH, program)
    assert commands.parse(f"/contact program ann {program}") == SetProgram("ann", program)
    assert f"/call NAME {program} " in HELP
    assert program in CONTACT_USAGE


def test_all_envelopes_but_the_bare_one_are_for_a_program_of_that_list() -> None:
    modules = [importlib.import_module(f"{programs.__name__}.{each.name}") for each in iter_modules(programs.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    names = [getattr(kind, "name", None) for kind in kinds if hasattr(kind, "in_chat")]
    assert {name for name in names if isinstance(name, str)} == {"sdp", *OTHER_PROGRAMS}
