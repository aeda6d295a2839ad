"""The configuration as it will be: what is set replaces what is there, and all else stays, comments included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from bot.home import Home
from shared.config.file import load, parse
from shared.config.schema import Config
from shared.errors import ConfigError
from shared.store.files import locked_folder, replace_file

HEADER = "# Written by `copybara setup`. `copybara manual settings` explains everything that can be set.\n"


class ConfigDraft:
    """One configuration file that is being changed."""

    def __init__(self, path: Path, before: str) -> None:
        self.path = path
        "The file: the home's, or the user's where the home has none."

        self._before = before
        self._document = tomlkit.parse(before or HEADER)
        self.is_new = not before
        "Whether there is no configuration yet."

        self.has_written = False
        "Whether this draft has changed the file."

    @classmethod
    def of(cls, home: Home) -> ConfigDraft:
        """What the home has now. Raises ConfigError if that can't be read."""
        path = home.config
        if path is None:
            return cls(home.own_config, "")
        load(path)  # says what is wrong in it
        try:
            return cls(path, path.read_text("utf-8-sig"))
        except (OSError, TOMLKitError) as error:
            raise ConfigError(f"{path} can't be read.", "Look whether it is a text file that you may read.") from error

    @property
    def config(self) -> Config:
        """What the program would make of it now. Raises ConfigError."""
        return parse(tomlkit.dumps(self._document), self.path)

    def set(self, name: str, value: object) -> None:
        """Give a setting at the top that value."""
        if self._document.get(name) != value:
            self._document[name] = value

    def set_in(self, section: str, values: Mapping[str, object]) -> None:
        """Give settings of a section those values."""
        table = self._document.get(section)
        if not isinstance(table, Table):
            if self._document.as_string() and not self._document.as_string().endswith("\n\n"):
                self._document.add(tomlkit.nl())
            table = tomlkit.table()
            self._document[section] = table
        for name, value in values.items():
            if table.get(name) != value:
                table[name] = value

    def write(self) -> bool:
        """Write it, if anything has changed. Raises ConfigError, StoreError."""
        text = tomlkit.dumps(self._document)
        if text == self._before:
            return False
        parse(text, self.path)
        with locked_folder(self.path.parent):
            replace_file(self.path, text.encode())
        self._before, self.is_new, self.has_written = text, False, True
        return True
