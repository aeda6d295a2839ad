"""The configuration in a report: the settings that differ from their defaults, without any typed text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shared.config.schema import Config

GIVEN = "given"
"Replaces a text."


def choices() -> frozenset[str]:
    """All words that settings can be chosen from."""
    return frozenset(_choices(msgspec.inspect.type_info(Config)))


def changed(config: Config) -> list[str]:
    """A line for each setting that isn't the default, with its value if that is a number or a choice."""
    return list(_changed(config, Config(), "")) or ["all settings are the defaults"]


def _choices(kind: msgspec.inspect.Type) -> Iterator[str]:
    match kind:
        case msgspec.inspect.LiteralType():
            yield from (value for value in kind.values if isinstance(value, str) and value)
        case msgspec.inspect.StructType():
            for field in kind.fields:
                yield from _choices(field.type)
        case msgspec.inspect.Metadata():
            yield from _choices(kind.type)


def _changed(value: msgspec.Struct, default: msgspec.Struct, before: str) -> Iterator[str]:
    known = choices()
    for name in value.__struct_fields__:
        now, usual = getattr(value, name), getattr(default, name)
        if isinstance(now, msgspec.Struct):
            yield from _changed(now, usual, f"{before}{name}.")
        elif now != usual:
            shown = str(now) if isinstance(now, bool | int | float) or now in known else GIVEN
            yield f"{before}{name}: {shown}"
