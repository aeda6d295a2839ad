"""Chooses and makes the media endpoint of a call, by what is configured and whether there is a handset page."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from bot.page.presenter import Presenter
from peer.media import AUTO, HANDSET, PATTERN, CallContext, Endpoint, make
from shared.config.schema import Config


class MediaEndpoints:
    """Makes the endpoints of one program's calls."""

    def __init__(self, config: Config, recordings: Path, presenter: Presenter | None, *, in_console: bool) -> None:
        """`recordings` is the folder for recordings if none is configured; `presenter` is None without a page.

        `in_console`: the owner sits at a console, perhaps without the page open.
        """
        self._config = config
        self._recordings = recordings
        self._presenter = presenter
        self._in_console = in_console

    def usual(self) -> str:
        """The name of the endpoint of a call for which none was chosen."""
        if self._config.answer.endpoint != AUTO:
            return self._config.answer.endpoint
        page = self._presenter is not None and (self._presenter.attended() or not self._in_console)
        return HANDSET if page else PATTERN

    def make(self, name: str, context: CallContext) -> Endpoint:
        """Make the endpoint of that name for one call. Raises ConfigError for one that lacks its setting."""
        if (presenter := self._presenter) is not None:
            context = dataclasses.replace(
                context,
                handset=functools.partial(presenter.endpoint, context.number),
                chime=functools.partial(presenter.chime, context.number),
                unheard=functools.partial(presenter.unheard, context.number),
            )
        return make(name, self._config, recordings=self._recordings, context=context)
