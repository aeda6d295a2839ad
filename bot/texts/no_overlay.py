"""What `copybara start` says, in the browser and in the terminal, as long as there is no network to call through."""

from __future__ import annotations

from peer.handset.protocol import NoOverlay
from shared.errors import OverlayError

COMMAND = "copybara setup overlay"
"Finds the overlay's node or installs one; it asks for root only where it needs that, and shows each step first."


def for_the_page(error: OverlayError) -> NoOverlay:
    """The whole page."""
    return NoOverlay(kind=error.kind, sentence=error.sentence, hint=error.hint, command=COMMAND)


def in_the_journal(error: OverlayError) -> tuple[str, ...]:
    """The same, for a service."""
    return (f"{error.sentence} {error.hint}".strip(), "Copybara goes on as soon as the network is there.")


def in_the_terminal(error: OverlayError) -> tuple[str, ...]:
    """The same, for somebody who looks at a browser."""
    return (
        f"{error.sentence} {error.hint}".strip(),
        f"Your browser shows what to do: in another terminal, run `{COMMAND}`.",
        "Copybara goes on as soon as the network is there. Ctrl-C ends it.",
        "",
    )
