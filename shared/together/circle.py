"""Who is in a conversation and hears whom, from what each of the others says. Pure.

Each program says only whom it is itself connected with (`Members`), so nobody's list has to be believed about others'
calls: a list that is wrong shows up as one that doesn't match.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Person = TypeVar("Person", bound=object)


@dataclass(frozen=True, slots=True)
class Circle(Generic[Person]):
    """What doesn't match in a conversation where all should hear all."""

    apart: frozenset[frozenset[Person]] = frozenset()
    "Pairs of people who we are both connected with, and who aren't connected with each other."

    unseen: frozenset[Person] = frozenset()
    "People whom somebody says they are connected with, and we aren't."


def circle(
    own: Person,
    connected: Collection[Person],
    said: Mapping[Person, Collection[Person]],
    silent: Collection[Person] = (),
) -> Circle[Person]:
    """`connected` are those with whom we are; `said` is what each of them has said of theirs, without ourselves.

    A pair is apart as long as one of the two doesn't name the other. Somebody who has said nothing yet isn't asked;
    those who are `silent` have had the time to say something, so they name nobody.
    """
    said = {**dict.fromkeys(silent, ()), **said}
    people = sorted(said.keys() & set(connected), key=repr)
    apart = frozenset(
        frozenset((one, other))
        for at, one in enumerate(people)
        for other in people[at + 1 :]
        if other not in said[one] or one not in said[other]
    )
    unseen = frozenset(each for one in people for each in said[one]) - set(connected) - {own}
    return Circle(apart, unseen)
