"""What is wrong with a configuration: which key, what about it, and what is expected there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from shared.config.schema import Config
from shared.nearest import nearest

Key = tuple[str, ...]


class Problem(NamedTuple):
    """Something in a document that can't be as it is."""

    key: Key
    sentence: str
    hint: str


def problems(document: dict[str, Any]) -> list[Problem]:
    """Everything that isn't a setting or has a value that isn't expected; without such, what contradicts itself."""
    return list(_in_table(Config, document)) or list(_contradictions(document))


def _in_table(struct: type[msgspec.Struct], table: dict[str, Any], place: Key = ()) -> Iterator[Problem]:
    """Everything in a table that isn't a setting of `struct`, or has a value that isn't expected."""
    settings = get_type_hints(struct, include_extras=True)
    for word, value in table.items():
        key = (*place, word)
        if word not in settings:
            yield _unknown(key, list(settings))
        elif not hasattr(settings[word], "__struct_fields__"):
            meta = _meta(settings[word])
            if not _fits(value, settings[word], meta):
                # A password in a value that isn't right is one all the same.
                shown = "not right" if (meta.extra or {}).get("secret") else _shown(value)
                yield Problem(key, f"{'.'.join(key)} is {shown}.", f"It must be {meta.description}.")
        elif isinstance(value, dict):
            yield from _in_table(settings[word], value, key)
        else:
            yield Problem(
                key, f"{'.'.join(key)} is {_shown(value)}.", f"It must be a table: a line with [{'.'.join(key)}]."
            )


def _contradictions(document: dict[str, Any]) -> Iterator[Problem]:
    """Values that are each valid alone, but not together."""
    config = msgspec.convert(document, Config)
    if config.answer.endpoint == "file" and not config.media.file:
        yield Problem(
            ("answer", "endpoint"), 'answer.endpoint is "file", but there is no file.', "Set `file` under [media]."
        )
    if config.answer.endpoint == "handset" and not config.handset.enabled:
        yield Problem(
            ("handset", "enabled"),
            'handset.enabled is false, but calls are to go to the handset page ("handset").',
            "Choose what answers in its place: `endpoint` under [answer] of copybara.toml.",
        )
    if config.answer.endpoint == "camera" and not config.camera.address:
        yield Problem(
            ("answer", "endpoint"),
            'answer.endpoint is "camera", but there is no camera.',
            "Set `address` under [camera].",
        )


def _meta(kind: Any) -> Meta:
    """What is written beside a setting's type; the type itself says what is expected of a choice."""
    if get_origin(kind) is Annotated:
        meta = get_args(kind)[1]
        assert isinstance(meta, Meta)
        return meta
    if kind is bool:
        return Meta(description="true or false")
    *others, last = (f'"{word}"' for word in get_args(kind))
    return Meta(description=f"{', '.join(others)} or {last}")


def _fits(value: object, kind: Any, meta: Meta) -> bool:
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    accepts: Callable[[Any], bool] = (meta.extra or {}).get("accepts", lambda _: True)
    return accepts(converted)


def _unknown(key: Key, siblings: list[str]) -> Problem:
    word = key[-1]
    sections = {name: hint for name, hint in get_type_hints(Config).items() if hasattr(hint, "__struct_fields__")}
    if near := nearest(word, siblings):
        hint = f"Did you mean {'.'.join((*key[:-1], near))}?"
    elif homes := [name for name, section in sections.items() if word in section.__struct_fields__]:
        hint = f"Did you mean {homes[0]}.{word}? It belongs under a line with [{homes[0]}]."
    else:
        hint = f"Known here: {', '.join(siblings)}."
    return Problem(key, f"there is no setting {_one_line('.'.join(key))}.", hint)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "a table"
        case str():
            return f'"{_one_line(value)}"'
    return _one_line(str(value))


def _one_line(text: str) -> str:
    short = text if len(text) <= 40 else f"{text[:39]}…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short)
