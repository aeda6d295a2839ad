"""Imports make objects by the hundred thousand that stay for good: the garbage collector needn't look through them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Let it look for nothing in this block, such as one that imports.

    It looks once before: what reads the program's arguments is half a megabyte that nobody needs any more.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep_for_good() -> None:
    """Let it never look through what is there now. Each such look would stop a call's packets for some 15 ms."""
    gc.freeze()
