"""Looks up names for the owner, in background tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from shared.errors import CopybaraError, Fault, LookingUp
from shared.in_thread import in_thread
from shared.names import NamedNode
from shared.names.endings import has_known_ending

if TYPE_CHECKING:
    from shared.names.lookup import SystemNames

AT_ONCE = 4
"How many names are looked up at once."

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Lookups:
    """Owns a task for each name, so that a server that doesn't reply delays nothing else."""

    def __init__(self, load: Callable[[], SystemNames]) -> None:
        """`load` makes the name systems.

        It is called in a thread when the first name is looked up. Most owners never look one up.
        """
        self._load = load
        self._systems: SystemNames | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self.is_ending = False
        "Whether the unfinished look-ups are cancelled because the program ends."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look up names while the block runs. Unfinished look-ups are cancelled at its end."""
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                self.is_ending = True
                for task in self._tasks.values():
                    task.cancel()

    def knows(self, name: str) -> bool:
        """Whether the name must be looked up."""
        return has_known_ending(name)

    def begin(
        self, name: str, then: Callable[[NamedNode | CopybaraError], Awaitable[_Result]]
    ) -> asyncio.Task[_Result]:
        """Look up a name, then call `then` with the node or the error. The task returns the result of `then`.

        Raises CallRefused if that name is being looked up already, or AT_ONCE others are.
        """
        assert self._group is not None
        if name in self._tasks:
            raise LookingUp()
        if len(self._tasks) >= AT_ONCE:
            raise LookingUp("Several names are being looked up already.", "Wait for them, or /hangup.")

        async def look_up() -> _Result:
            found: NamedNode | CopybaraError
            try:
                if self._systems is None:
                    self._systems = await in_thread(self._load)
                answer = await self._systems.resolve(name)
                assert answer is not None  # because `knows` is true
                found = answer
            except CopybaraError as error:
                found = error
            except Exception:
                logger.exception("a look-up broke")
                found = Fault(f"Looking up {name} failed: the program ran into a bug.")
            finally:
                del self._tasks[name]
            try:
                return await then(found)
            except Exception as error:
                # The waiting code sees that the task has ended. An error in the task group would end everything.
                logger.exception("what a look-up was for broke")
                raise asyncio.CancelledError from error

        task = self._group.create_task(look_up(), name=f"look up {name}")
        self._tasks[name] = task
        return task

    def stop(self) -> str | None:
        """Cancel the last look-up, and return its name. None if there is none."""
        if not self._tasks:
            return None
        name, task = list(self._tasks.items())[-1]
        task.cancel()
        return name
