"""Numbers in place of buttons: a reply means what was shown, never something that came meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import RINGING, Act
from bot.messengers.numbered_choices import KEPT_SECONDS, MOST_KEPT, NumberedChoices, number_in

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
    assert numbers(choices, "bob", NOW + KEPT_SECONDS) == [1, 2, 3, 4]
    assert meant(choices, 1) == (Act.ANSWER, "bob")


def test_an_old_choice_holds_until_its_number_is_given_away() -> None:
    choices = NumberedChoices()
    choices.offer([Act.SAVE], "anna", NOW)
    assert meant(choices, 1) == (Act.SAVE, "anna")
    numbers(choices, "bob", NOW + KEPT_SECONDS)
    assert meant(choices, 1) == (Act.ANSWER, "bob")


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


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2 * KEPT_SECONDS)), max_size=60))
def test_a_number_means_one_thing_for_as_long_as_a_reply_may_be_on_its_way(calls: list[tuple[str, int]]) -> None:
    choices, now, shown = NumberedChoices(), NOW, dict[int, tuple[str, float]]()
    for number, (name, later) in enumerate(calls):
        now += later
        about = f"{name}{number}"
        for choice in choices.offer([Act.ANSWER, Act.DECLINE], about, now):
            before = shown.get(choice.number)
            assert before is None or before[1] <= now - KEPT_SECONDS or len(shown) >= MOST_KEPT
            shown[choice.number] = (about, now)
