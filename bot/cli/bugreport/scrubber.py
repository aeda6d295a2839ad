"""Removes everything from a text that isn't known to be harmless. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.cli.bugreport.vocabulary import OWN_FILES, Vocabulary

REMOVED = "…"

_SEVERAL = re.compile(f"{REMOVED}{{2,}}")

_CHUNK = re.compile(r"""[^\s()\[\]{}"'`,;=<>|]+""")
"A piece that is kept or removed as a whole. A node id, an address, a token or a path is one piece."

_BEFORE, _AFTER = "*-…", ".!?*-…"
"Characters around a word. A colon before a word may belong to an address; a colon after it is stripped too."

_NUMBER = re.compile(
    r"""(?x)
      \d{1,5} ([.]\d{1,3})? (ms|s|min|h|B|kB|MB|KiB|MiB|%)?   # a count, a size, a port
    | v?\d{1,4}[.]\d{1,4}([.]\d{1,4})?((a|b|rc|post|dev)\d{1,3})?     # a version; four numbers are an address
    | \d{4}-\d\d-\d\d([T]\d\d:\d\d:\d\d)?                     # a date
    | \d\d:\d\d(:\d\d([.]\d{1,6})?)?                          # a time
    """
)
_LIBRARY_FILE = re.compile(r".*/(?:site-packages|dist-packages|python3[.]\d+)/((\w+)(?:/\w+)*[.]py)")
_DOTTED = re.compile(r"(\w+)(?:[.][A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Private:
    """What is known to be private in one home."""

    texts: tuple[str, ...] = ()
    "Removed wherever they occur, even if they have several words, such as paths with spaces."

    words: frozenset[str] = frozenset()
    "In lower case. Removed only as whole words, because they may be parts of other words."


class Scrubber:
    """Scrubs texts of one home."""

    def __init__(self, vocabulary: Vocabulary, private: Private = Private()) -> None:
        self._vocabulary = vocabulary
        self._modules = vocabulary.modules
        self._words = private.words
        longest_first = sorted({text for text in private.texts if text.strip()}, key=len, reverse=True)
        self._texts = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None

    def scrubbed(self, text: str) -> str:
        """The text with a mark … instead of everything that may be private."""
        # File names first, because they may begin with a private path.
        text = _CHUNK.sub(lambda found: self._file(found[0]), text)
        if self._texts is not None:
            text = self._texts.sub(REMOVED, text)
        return _SEVERAL.sub(REMOVED, _CHUNK.sub(lambda found: self._chunk(found[0]), text))

    def _file(self, chunk: str) -> str:
        """A source file's name without the folders above the source."""
        if library := _LIBRARY_FILE.fullmatch(chunk):
            return library[1] if library[2] in self._vocabulary.libraries else REMOVED
        parts = chunk.split("/")
        inner = "/".join(parts[next((at for at, part in enumerate(parts) if part in ("bot", "peer", "shared")), 0) :])
        return inner if inner in self._vocabulary.files else chunk

    def _chunk(self, chunk: str) -> str:
        core = chunk.lstrip(_BEFORE).rstrip(_AFTER).removesuffix(":")
        if not core or self._harmless(core):
            return chunk
        before, _, after = chunk.partition(core)
        return f"{before}{REMOVED}{after}"

    def _harmless(self, core: str) -> bool:
        if core.lower() in self._words:
            return False
        if core.removeprefix("/") in OWN_FILES:  # of the home, which itself is removed
            return True
        if _NUMBER.fullmatch(core) or core in self._vocabulary.files or core in self._modules:
            return True
        if library := _LIBRARY_FILE.fullmatch(f"/site-packages/{core}"):
            return library[2] in self._vocabulary.libraries
        if (dotted := _DOTTED.fullmatch(core)) and dotted[1] in self._vocabulary.libraries:
            return not self._words & set(core.lower().split("."))
        module, _, name = core.rpartition(".")  # for example shared.errors.ConfigError
        parts = [name] if module in self._modules else core.split("-")
        return all(part in self._vocabulary.words and part.lower() not in self._words for part in parts)
