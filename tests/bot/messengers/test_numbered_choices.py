"""Numbers that replace buttons: a reply means what was shown, never something that came meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import RINGING, Act
from bot.messengers.numbered_choices import (
    FORGOTTEN_SECONDS,
    KEPT_SECONDS,
    MOST_KEPT,
    NumberedChoices,
    number_in,
)

NOW = 1_000_000.0


def numbers(choices: NumberedChoices, about: str, now: float = NOW) -> list[int]:
    return [each.number for each in choices.offer(RINGING, about, now)]


def meant(choices: NumberedChoices, number: int) -> tuple[str, str] | None:
    choice = choices.meant(number)
    return (choice.what, choice.about) if choice else None


def test_the_first_call_is_answered_with_one() -> None:
    choices = NumberedChoices()
    assert numbers(choices, "anna") == [1, 2, 3, 4]
    assert meant(choices, 1) == (Act.ANSWER, "anna")
    assert meant(choices, 3) == (Act.DECLINE, "anna")
    assert choices.meant(5) is None


def test_two_calls_that_ring_at_once_have_numbers_of_their_own() -> None:
    choices = NumberedChoices()
    numbers(choices, "anna")
    assert numbers(choices, "bob") == [5, 6, 7, 8]
    assert meant(choices, 1) == (Act.ANSWER, "anna")
    assert meant(choices, 5) == (Act.ANSWER, "bob")


def test_what_is_said_again_keeps_its_number() -> None:
    choices = NumberedChoices()
    numbers(choices, "anna")
    numbers(choices, "bob")
    assert [each.number for each in choices.offer([Act.DECLINE], "anna", NOW)] == [3]


def test_a_reply_that_crosses_a_new_call_never_answers_that_one() -> None:
    choices = NumberedChoices()
    numbers(choices, "anna")
    choices.close("anna")
    assert numbers(choices, "bob", NOW + KEPT_SECONDS - 1) == [5, 6, 7, 8]
    assert meant(choices, 1) == ("", "anna")


def test_after_a_while_numbers_begin_at_one_again() -> None:
    choices = NumberedChoices()
    numbers(choices, "anna")
    choices.close("anna", NOW + 500)
    assert numbers(choices, "bob", NOW + 500 + KEPT_SECONDS - 1) == [5, 6, 7, 8]
    assert numbers(choices, "carol", NOW + 500 + KEPT_SECONDS) == [1, 2, 3, 4]
    assert meant(choices, 1) == (Act.ANSWER, "carol")


def test_what_can_still_be_chosen_keeps_its_number_however_long_that_lasts() -> None:
    choices = NumberedChoices()
    choices.offer([Act.HANG_UP], "anna", NOW)
    for day in range(1, 40):
        now = NOW + day * 86_400
        for ring in range(40):
            about = f"{day} {ring}"
            assert len(choices.offer(RINGING, about, now, reserved=False)) == len(RINGING)
            choices.close(about, now)
    assert meant(choices, 1) == (Act.HANG_UP, "anna")


def test_what_strangers_use_up_leaves_numbers_for_who_is_proven() -> None:
    choices = NumberedChoices()
    given = [choices.offer(RINGING, f"stranger {ring}", NOW, reserved=False) for ring in range(300)]
    assert given[-1] == []
    assert choices.offer([Act.HANG_UP, *RINGING], "one more", NOW, reserved=False) == []
    assert len(choices.offer(RINGING, "anna", NOW)) == len(RINGING)
    shown = [choice.number for each in given for choice in each]
    assert len(shown) == len(set(shown))
    assert meant(choices, 1) == (Act.ANSWER, "stranger 0")
    # Shown choices keep their numbers. At most the numbers may be missing.
    assert choices.offer(RINGING, "stranger 0", NOW, reserved=False) == given[0]


def test_what_nobody_ever_closes_gives_way_after_a_month_where_no_number_is_free() -> None:
    choices = NumberedChoices()
    for number in range(MOST_KEPT):
        assert choices.offer([Act.TRUST], f"call {number}", NOW + number)
    assert choices.offer([Act.TRUST], "later", NOW + FORGOTTEN_SECONDS - 1) == []
    (given,) = choices.offer([Act.TRUST], "later", NOW + FORGOTTEN_SECONDS)
    assert given.number == 1


def test_an_earlier_version_closed_without_a_time() -> None:
    kept = b'[{"number": 1, "what": "", "about": "anna", "shown": 1000000}]'
    assert numbers(NumberedChoices(kept), "bob", NOW + KEPT_SECONDS - 1) == [2, 3, 4, 5]
    assert numbers(NumberedChoices(kept), "bob", NOW + KEPT_SECONDS) == [1, 2, 3, 4]


def test_choices_outlive_the_program() -> None:
    choices = NumberedChoices()
    numbers(choices, "anna")
    again = NumberedChoices(choices.to_bytes())
    assert meant(again, 4) == (Act.BLOCK, "anna")
    assert numbers(again, "bob") == [5, 6, 7, 8]


def test_what_another_version_has_kept_is_forgotten() -> None:
    assert NumberedChoices(b'[{"digit": 1}]').meant(1) is None
    assert NumberedChoices(b"\xff").meant(1) is None


def test_a_number_is_a_message_of_its_own() -> None:
    assert [number_in(text) for text in ("1", " 12 ", "3.", "4)", "999")] == [1, 12, 3, 4, 999]
    for text in ("", "one", "1 2", "/1", "-1", "1.5", "\u0661", "1000", "1\n2", "call 1"):
        assert number_in(text) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2 * KEPT_SECONDS), st.booleans(), st.booleans()),
        max_size=60,
    )
)
def test_a_number_means_one_thing_for_as_long_as_a_reply_may_be_on_its_way(
    calls: list[tuple[str, int, bool, bool]],
) -> None:
    choices, now, meanings = NumberedChoices(), NOW, dict[int, tuple[str, float | None]]()
    for about, later, ends, reserved in calls:
        now += later
        for choice in choices.offer([Act.ANSWER, Act.DECLINE], about, now, reserved=reserved):
            before = meanings.get(choice.number)
            assert before is None or before[0] == about or (before[1] is not None and before[1] <= now - KEPT_SECONDS)
            meanings[choice.number] = (about, None)
        if ends:
            choices.close(about, now)
            meanings |= {
                number: (each, now) for number, (each, closed) in meanings.items() if (each, closed) == (about, None)
            }
        choices = NumberedChoices(choices.to_bytes())
