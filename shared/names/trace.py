"""The steps of a look-up, each with the time that it took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.errors import CopybaraError


@dataclass(slots=True)
class TraceStep:
    """One step."""

    what: str
    "The step for people, such as `ask ws.azero.dev`."

    outcome: str = ""
    "Its result. Empty if nothing needs to be said."

    milliseconds: float = 0.0


@dataclass(slots=True)
class Trace:
    """All steps, in order."""

    steps: list[TraceStep] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[TraceStep]:
        """Time a step during the block. An error is its outcome."""
        step = TraceStep(what)
        self.steps.append(step)
        begun = time.perf_counter()
        try:
            yield step
        except CopybaraError as error:
            step.outcome = error.sentence
            raise
        except TimeoutError:
            step.outcome = "no answer in time"
            raise
        finally:
            step.milliseconds = (time.perf_counter() - begun) * 1000
