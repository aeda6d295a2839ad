"""Callbacks for something that happens later, perhaps more than once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Listeners(Generic[P]):
    """The listeners of one kind of event, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: dict[Callable[P, None], None] = {}

    def listen(self, listener: Callable[P, None]) -> Callable[[], None]:
        """Call `listener` from now on; returns how to stop. One that listens already isn't added twice."""
        self._listeners[listener] = None
        return lambda: self._listeners.pop(listener, None)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Call every listener, in the event loop; what one raises is raised here. Returns whether there was any."""
        listeners = tuple(self._listeners)
        for listener in listeners:
            listener(*args, **kwargs)
        return bool(listeners)
