"""Python's own parser, for tests that examine our code."""

from __future__ import annotations

import ast
import gc


def parsed(source: str) -> ast.Module:
    """The result of `ast.parse`, with the garbage collector off meanwhile.

    A finalizer that shows a traceback parses too, and before 3.11.9 and 3.12.3 a parse within a parse fails with "AST
    constructor recursion depth mismatch" (CPython's gh-106905).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if was_on:
            gc.enable()
