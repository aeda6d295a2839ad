"""Reading copybara.toml: from a file or a text to a `Config`, or to one error that names the line."""

from __future__ import annotations

import bisect
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import msgspec

from shared.config.problems import problems
from shared.config.schema import Config
from shared.config.toml_lines import line_of
from shared.errors import ConfigError
from shared.rights import missing_rights

MAX_BYTES = 1024 * 1024
"Of a configuration: far more than all settings and their explanations take."

_CURLY = re.compile("[\u2018-\u201f\u00ab\u00bb\uff02]")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ODD_SPACE = re.compile(r"(?![ \t\r])\s|[\u00ad\u200b-\u200f\u2060-\u206f\ufeff]")

_QUOTE_MISSING = "the closing quote is missing"

_NOT_CLOSED = (r"Illegal character '\n'", "Unterminated string", """Expected "'\"""", """Expected "'''\"""")
"What tomllib says of text whose closing quote is missing."


def load(path: Path | None) -> Config:
    """Read a configuration file; None stands for no file and gives the defaults.

    Relative paths in it start at its own folder. Raises ConfigError that names the line, the key and what is
    expected there.
    """
    if path is None:
        return Config()
    try:
        if not (path.is_file() or path.is_dir() or not path.exists()):
            raise ConfigError(f"The configuration {path} is no ordinary file.", "Put an ordinary file in its place.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        rights = missing_rights([path, path.parent]) if isinstance(error, PermissionError) else None
        why, hint = rights or (str(error.strerror), "Put an ordinary file in its place.")
        raise ConfigError(f"The configuration {path} can't be read: {why}.", hint) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"The configuration {path} is larger than {MAX_BYTES // 1024} KiB.", "Leave nothing but settings in it."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: this isn't UTF-8 text.", "Save the file as UTF-8.", line=line
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Read a configuration; `path` is the file's, for errors and for the paths in it. Raises as `load` does."""
    document = _document(text, path)
    if found := problems(document):
        line, problem = min(((line_of(text, each.key) or 1, each) for each in found), key=lambda each: each[0])
        key = ".".join(problem.key)
        raise ConfigError(f"{path}, line {line}: {problem.sentence}", problem.hint, line=line, key=key)
    config = msgspec.convert(document, Config)
    media = msgspec.structs.replace(
        config.media,
        file=_absolute(config.media.file, path.parent),
        record_to=_absolute(config.media.record_to, path.parent),
    )
    files = msgspec.structs.replace(config.files, folder=_absolute(config.files.folder, path.parent))
    telegram = msgspec.structs.replace(config.telegram, token_file=_absolute(config.telegram.token_file, path.parent))
    machine = msgspec.structs.replace(config.machine, greeting=_absolute(config.machine.greeting, path.parent))
    return msgspec.structs.replace(config, media=media, files=files, machine=machine, telegram=telegram)


def _document(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).rpartition(" (at ")
        where = re.match(r"line (\d+)", place)
        line = int(where[1]) if where else text.rstrip().count("\n") + 1
        sentence = _said(said)
        reason: Exception = error
    except (ValueError, RecursionError) as error:  # these name no line: a number, or nesting, without bounds
        kind = type(error)
        lines = text.split("\n")
        line = bisect.bisect_left(range(len(lines)), True, key=lambda count: _fails(lines[:count], kind))
        sentence = "a number has too many digits" if kind is ValueError else "there are too many brackets"
        reason = error
    broken = f"{path}, line {line}: this isn't valid TOML: {sentence}."
    raise ConfigError(broken, _hint([*text.split("\n"), ""][line - 1], sentence), line=line) from reason


def _said(reason: str) -> str:
    """What tomllib says, as a part of a sentence, without backslashes: systemd drops them from a status."""
    if reason in _NOT_CLOSED:
        return _QUOTE_MISSING
    named = re.sub(r"'\\x([0-9a-f]{2})'", lambda found: _name(chr(int(found[1], 16))), reason)
    plain = named.replace(r"'\r'", _name("\r")).replace(r"'\\'", "a backslash").replace("'\\'", "a backslash")
    return f"{plain[:1].lower()}{plain[1:]}"


def _hint(line: str, sentence: str) -> str:
    """What to do about a line that can't be read."""
    if sentence.startswith("cannot "):  # "overwrite a value", "declare … twice"
        return "It is there twice: keep one of them."
    if "\0" in line:
        return "Save the file as UTF-8, without a zero byte in it."
    if "\r" in line.rstrip("\r"):
        return "Save the file with the line ends of Linux: it has those of an old Mac."
    if control := _CONTROL.search(line):
        return f"Remove the character that nobody sees there, {_name(control[0])}."
    if curly := _CURLY.search(line):
        return f'Write straight quotes, as in: name = "Anna". {curly[0]} is one that word processors make.'
    if odd := _ODD_SPACE.search(line):
        return f"Type the line instead of copying it: it has a character that only looks like a space, {_name(odd[0])}."
    if sentence == _QUOTE_MISSING:
        return 'Text ends with the quote that it begins with, as in: name = "Anna".'
    return 'Text needs quotes, as in: name = "Anna". `copybara manual settings` explains each setting.'


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def _fails(lines: list[str], kind: type[Exception]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        return type(error) is kind
    return False


def _absolute(text: str, folder: Path) -> str:
    return str((folder / Path(text).expanduser()).absolute()) if text else ""
