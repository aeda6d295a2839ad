"""What a service says on its page, in its journal and to systemd while it can't start."""

from __future__ import annotations

from peer.handset.protocol import CantStart
from shared.errors import CopybaraError, DamagedStore, HomeInUse
from shared.sentences import joined

GOES_ON = "Copybara starts as soon as that is done."

RUNS_ELSEWHERE = "To open the page of that one: `copybara start`. This one goes on once that one has ended."

AFTER_DAMAGE = "Put a backup in its place, or go on without your contacts. Then run: copybara service install"


def what_to_do(error: CopybaraError) -> str:
    """The hint, for a program in the background that waits."""
    if isinstance(error, HomeInUse):
        return RUNS_ELSEWHERE
    return AFTER_DAMAGE if isinstance(error, DamagedStore) else joined(error.hint, GOES_ON)


def for_the_page(error: CopybaraError) -> CantStart:
    """The whole page."""
    return CantStart(kind=error.kind, sentence=error.sentence, hint=what_to_do(error))


def for_systemd(error: CopybaraError) -> str:
    """The same, for the journal and for `systemctl status`."""
    return joined(error.sentence, what_to_do(error))
