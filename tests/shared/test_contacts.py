from __future__ import annotations

import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contacts import MAX_NAME, MINUTES_PER_DAY, Contact, Hours, Trust, check_name, name_key, names_before
from shared.errors import InputError
from shared.media import Media
from shared.node_id import NodeId
from shared.printable import is_printable

ANNA = NodeId(bytes(range(32)))

times = st.times()
hours = st.builds(
    lambda start, length: Hours(start, (start + length) % MINUTES_PER_DAY or MINUTES_PER_DAY),
    st.integers(0, MINUTES_PER_DAY - 1),
    st.integers(1, MINUTES_PER_DAY - 1),
)


def at(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text)


# Contacts


def test_a_new_contact_rings_and_may_have_everything_at_any_time() -> None:
    contact = Contact(name="anna", node=ANNA, created=0)
    assert (contact.trust, contact.media, contact.hours) == (Trust.RING, Media.BOTH, None)


@given(
    st.sampled_from(Trust), st.sampled_from(Media), st.none() | hours, st.none() | st.binary(min_size=32, max_size=32)
)
def test_a_contact_survives_being_stored(trust: Trust, media: Media, when: Hours | None, key: bytes | None) -> None:
    contact = Contact(
        name="anna",
        node=ANNA,
        trust=trust,
        media=media,
        hours=when,
        endpoint="pattern",
        resolves_as=("anna.azero", "anna.tzero"),
        sealing_key=key,
        telegram_user=7,
        telegram_bot="anna_bot",
        created=1_700_000_000,
    )
    assert msgspec.json.decode(msgspec.json.encode(contact), type=Contact) == contact


def test_stored_hours_that_are_none_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"start":60,"end":60}', type=Hours)


# Names


@pytest.mark.parametrize(
    "name",
    [
        *("anna", "Anna-Maria", "Jürgen", "妈妈", "anna2", "copybara.azero", "🦫", "x", "a" * 40, "audio"),
        *("Ann Lee", "Conan O'Brien", "Ben (work)", "Lee, Ann", "Anna-Maria de la Cruz 🦫", f"{'a' * 20} {'b' * 19}"),
    ],
)
def test_a_plain_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u00a0\n",
        "a" * 41,
        f"{'a' * 20} {'b' * 20}",
        "anna\x07",
        "\u202eanna",
        "an\u200bna",
        "\u0301anna",
        "anna \u0301maria",
        "anna \u200bmaria",
        "anna \u202emaria",
        "anna \u2800",
        "\ud800",
        "/call",
        "-v",
        "anna --unproven",
        "anna -",
        "anna /call",
        "anna 08:00-22:00",
        "anna audio",
        "anna Video!",
        "anna \uff35nproven",
        "anna classic miller",
        "stop anna",
        "hangup anna",
        "copybara:abc",
        "http://127.0.0.1:8080/#abc",
        str(ANNA),
        "A" * 64,
    ],
)
def test_a_name_that_misleads_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)


@pytest.mark.parametrize(
    "typed", [" Ann Lee", "Ann\t Lee\n", "Ann\u00a0Lee", "Ann\u3000\u2009Lee ", "\u2028Ann\x1fLee"]
)
def test_whatever_blanks_are_typed_words_have_one_space_between(typed: str) -> None:
    assert check_name(typed) == "Ann Lee"


def test_a_name_is_the_same_with_spaces_or_dashes_and_in_upper_or_lower_case() -> None:
    assert len({name_key(each) for each in ("Ann Lee", "ann lee", "Ann-Lee", " ANN\u00a0 LEE", "\uff21nn Lee")}) == 1
    assert len({name_key(each) for each in ("Ann Lee", "AnnLee", "Ann Leé", "Ann", "Ann Le e")}) == 5
    # NFKC writes this accent with a space. Homes of earlier versions have it in the key.
    assert name_key("O\u00b4Brien") == b"o \xcc\x81brien"


def test_the_longest_name_at_the_beginning_comes_first() -> None:
    names = ["Ann", "Ann Lee", "Ann-Lee Smith", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628"]
    assert names_before(["ann", "lee", "smith", "audio"], names) == [3, 2, 1]
    assert names_before(["Ann-Lee", "Smith"], names) == [2, 1]
    assert names_before(["ANN", "audio"], names) == [1]
    assert names_before(["\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "\u0628"], names) == [2]
    for words in ([], ["lee", "Ann"], ["Annlee"], ["An"]):
        assert names_before(words, names) == []
    assert names_before(["Ann"], []) == []


def test_what_stands_beside_a_name_is_never_a_part_of_one_that_is_written_with_dashes() -> None:
    names = ["ann", "ann-audio", "stop-ann", "audio"]
    assert names_before(["ann", "audio"], names) == [1]
    assert names_before(["ann", "Audio!"], names) == [1]
    assert names_before(["ann-audio"], names) == [1]
    assert names_before(["stop", "ann"], names) == []
    assert names_before(["audio", "ann"], names) == [1]


@given(st.lists(st.text(max_size=12), max_size=5), st.lists(st.text(max_size=4), max_size=3))
def test_a_name_is_found_before_whatever_stands_behind_it(names: list[str], behind: list[str]) -> None:
    for name in names:
        try:
            name = check_name(name)
        except InputError:
            continue
        words = name.split(" ")
        assert len(words) in names_before([*words, *behind], names)


def test_two_ways_to_type_the_same_name_are_one() -> None:
    assert check_name("Ju\u0308rgen") == check_name("J\u00fcrgen") == "J\u00fcrgen"


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_an_input_error(text: str) -> None:
    try:
        name = check_name(text)
    except InputError:
        return
    assert 1 <= len(name) <= MAX_NAME
    assert is_printable(name)
    assert name == " ".join(name.split())
    assert check_name(name) == name


# Hours


def test_hours_hold_from_their_first_minute_to_before_their_last() -> None:
    day = Hours.parse("08:00-22:00")
    assert at("08:00") in day
    assert at("21:59:59.999") in day
    assert at("07:59:59.999") not in day
    assert at("22:00") not in day


def test_hours_may_go_past_midnight() -> None:
    night = Hours.parse("22:00-06:00")
    assert at("23:30") in night
    assert at("00:00") in night
    assert at("05:59") in night
    assert at("06:00") not in night
    assert at("12:00") not in night


@pytest.mark.parametrize("text", ["22:00-24:00", "22:00-00:00"])
def test_a_day_ends_at_midnight_however_it_is_written(text: str) -> None:
    evening = Hours.parse(text)
    assert at("23:59") in evening
    assert at("00:00") not in evening
    assert str(evening) == "22:00-24:00"


@given(times)
def test_a_whole_day_has_every_time(time: datetime.time) -> None:
    assert time in Hours.parse("00:00-24:00")


@given(hours, times)
def test_the_rest_of_the_day_is_the_opposite(part: Hours, time: datetime.time) -> None:
    rest = Hours(part.end % MINUTES_PER_DAY, part.start or MINUTES_PER_DAY)
    assert (time in part) is not (time in rest)


@given(hours)
def test_hours_are_written_as_they_are_read(part: Hours) -> None:
    assert Hours.parse(str(part)) == part


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8-22",
        "08:00",
        "08:00-",
        "8:00-22:00",
        "08:60-22:00",
        "08:00-22:60",
        "24:00-08:00",
        "08:00-24:01",
        "25:00-26:00",
        "08:00-08:00",
        "08:00 - 22:00",
        "08:00-22:00\n",
        "\u0660\u0668:00-22:00",
    ],
)
def test_what_is_no_part_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Hours.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_hours_or_an_input_error(text: str) -> None:
    try:
        part = Hours.parse(text)
    except InputError:
        return
    assert Hours.parse(str(part)) == part
