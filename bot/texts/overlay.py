"""What is said of the overlay: how it stands, what has changed, and what to do about it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bot.kinds import Kind, Sentence
from peer.overlay import overlay_name
from peer.overlay.watch import OverlayState
from peer.overlay.yggdrasil_peers import in_own_network
from shared.errors import OverlayError
from shared.sentences import joined

LOOPBACK = Sentence(
    Kind.OVERLAY_LOOPBACK,
    "For trying on this computer: calls work as between friends, but nobody else can be reached. This loopback network "
    "gives no privacy. To reach friends: copybara setup overlay",
)

ADD_PEER = 'copybara setup overlay --peers "tls://HOST:PORT?key=KEY"'


def only_near(peers: Iterable[str]) -> str:
    """Which of these peers no friend elsewhere can use, nor the owner away from home; empty: none is like that."""
    if not (addresses := in_own_network(peers)):
        return ""
    work, them = ("works", "it") if len(addresses) == 1 else ("work", "them")
    return (
        f"{' and '.join(addresses)} {work} only inside one local network, such as a home's: nobody elsewhere can "
        f"connect through {them}."
    )


def notice(overlay: str) -> str:
    """What the owner should know about the overlay at the start, however it stands."""
    return LOOPBACK.text if overlay == "loopback" else f"Calls go over {overlay_name(overlay)} only."


def down(overlay: str, error: OverlayError) -> Sentence:
    """No call can be made for now."""
    text = f"{overlay_name(overlay)} can't be used: {error.sentence} New calls fail until it is back. {error.hint}"
    return Sentence(Kind.OVERLAY_DOWN, text.strip())


def alone(overlay: str) -> Sentence:
    """The node runs, and nobody can be reached. Only Yggdrasil's says so."""
    return Sentence(
        Kind.OVERLAY_ALONE,
        f"Your {overlay_name(overlay)} node runs, but is connected to no other: nobody can be reached, and no call "
        "connects until it is.",
        f"Check this computer's network. To add a peer: {ADD_PEER}",
    )


def wrong(overlay: str, state: OverlayState) -> Sentence | None:
    """What prevents calls now, if anything does."""
    if state.error is not None:
        return down(overlay, state.error)
    return alone(overlay) if state.alone else None


def changed(overlay: str, before: OverlayState | None, now: OverlayState) -> Sentence | None:
    """What the owner hears after `before`, which is None at the start; None: nothing that concerns them."""
    if now.error is not None or (now.alone and not (before is not None and before.alone)):
        return wrong(overlay, now)
    if before is None or now.alone:
        return None
    name = overlay_name(overlay)
    if before.error is not None:
        return Sentence(Kind.OVERLAY_BACK, f"{name} is back. Calls can be made again.")
    if before.alone:
        return Sentence(Kind.OVERLAY_BACK, f"Your {name} node is connected to others now. Calls can be made.")
    return None


def beside(sentence: Sentence, wrong: Sentence | None) -> Sentence:
    """What is said of a call, and why it can't connect yet if the node is connected to nobody."""
    if wrong is None or wrong.kind != Kind.OVERLAY_ALONE:
        return sentence
    hint = joined(wrong.hint, sentence.hint)
    return dataclasses.replace(sentence, sentence=f"{sentence.sentence} {wrong.sentence}", hint=hint)
