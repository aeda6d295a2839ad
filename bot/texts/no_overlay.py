"""What `copybara start` says, in the browser and in the terminal, as long as there is no network to call through."""

from __future__ import annotations

from peer.handset.protocol import NoOverlay
from shared.errors import OverlayError, OverlayForbidden
from shared.sentences import ended

COMMAND = "copybara setup overlay"
"Finds the overlay's node or installs one; it asks for root only where it needs that, and shows each step first."


def for_the_page(error: OverlayError) -> NoOverlay:
    """The whole page."""
    hint = ended(error.hint) if error.hint else ""
    return NoOverlay(kind=error.kind, sentence=error.sentence, hint=hint, command=_command(error))


def _command(error: OverlayError) -> str:
    """Empty where the set-up has done all that it can."""
    return "" if isinstance(error, OverlayForbidden) and error.joined_since else COMMAND


def in_the_journal(error: OverlayError) -> tuple[str, ...]:
    """The same, for a service."""
    return (f"{error.sentence} {error.hint}".strip(), "Copybara goes on as soon as the network is there.")


def in_the_terminal(error: OverlayError) -> tuple[str, ...]:
    """The same, for somebody who looks at a browser."""
    command = _command(error)
    return (
        f"{error.sentence} {error.hint}".strip(),
        *([f"Your browser shows what to do: in another terminal, run `{command}`."] if command else []),
        "Copybara goes on as soon as the network is there. Ctrl-C ends it.",
        "",
    )
