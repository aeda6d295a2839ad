"""Several resolvers, asked one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CopybaraError, InputError
from shared.names import NamedNode, Resolver


class ResolverChain:
    """A resolver that gives the first answer of its members, in their order."""

    def __init__(self, members: Sequence[Resolver]) -> None:
        self._members = tuple(members)

    async def resolve(self, name: str) -> NamedNode | None:
        """The first member's answer that knows the name; None if all say that they don't.

        A member that can't tell is skipped, and its error is raised only if nobody after it knows the name
        either. An InputError of a member (the name has two meanings) ends the search: no later member may
        decide what the owner has left open.
        """
        failure: CopybaraError | None = None
        for member in self._members:
            try:
                answer = await member.resolve(name)
            except InputError:
                raise
            except CopybaraError as error:
                failure = failure or error
                continue
            if answer is not None:
                return answer
        if failure is not None:
            raise failure
        return None
