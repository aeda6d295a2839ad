"""Several resolvers, asked one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CopybaraError, InputError
from shared.names import NamedNode, Resolver


class ResolverChain:
    """Asks its members in order, and gives the first answer."""

    def __init__(self, members: Sequence[Resolver]) -> None:
        self._members = tuple(members)

    async def resolve(self, name: str) -> NamedNode | None:
        """The answer of the first member that knows the name. None if no member knows it.

        A member that can't tell is skipped. Its error is raised only if no later member knows the name. An InputError
        of a member (the name has two meanings) ends the search, because no later member may decide instead of the
        owner.
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
