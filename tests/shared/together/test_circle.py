"""Who in a conversation hears whom."""

from __future__ import annotations

from shared.together.circle import Circle, circle


def test_where_all_hear_all_nothing_is_to_be_said() -> None:
    assert circle("anna", ["bob", "carl"], {"bob": ["carl"], "carl": ["bob"]}) == Circle()


def test_a_pair_is_apart_if_one_of_the_two_doesnt_name_the_other() -> None:
    cases: list[dict[str, list[str]]] = [
        {"bob": [], "carl": ["bob"]},
        {"bob": ["carl"], "carl": []},
        {"bob": [], "carl": []},
    ]
    for said in cases:
        assert circle("anna", ["bob", "carl"], said).apart == {frozenset(("bob", "carl"))}


def test_one_who_has_said_nothing_yet_is_not_apart() -> None:
    assert circle("anna", ["bob", "carl"], {"bob": []}) == Circle()


def test_one_who_has_had_the_time_to_say_something_and_has_not_is_apart_from_all() -> None:
    assert circle("anna", ["bob", "carl"], {"bob": ["carl"]}, silent=["carl"]).apart == {frozenset(("bob", "carl"))}
    assert circle("anna", ["bob", "carl"], {}, silent=["bob", "carl"]).apart == {frozenset(("bob", "carl"))}
    assert circle("anna", ["bob"], {"bob": []}, silent=["carl"]) == Circle()


def test_somebody_whom_only_another_is_connected_with_is_unseen() -> None:
    assert circle("anna", ["bob"], {"bob": ["eve", "anna"]}).unseen == {"eve"}
    assert circle("anna", ["bob"], {"gone": ["eve"]}).unseen == frozenset()
