"""What a service says on its page, in its journal and to systemd while it can't start."""

from __future__ import annotations

from peer.handset.protocol import CantStart
from shared.errors import CopybaraError, DamagedStore, HomeInUse
from shared.sentences import joined

GOES_ON = "Copybara starts as soon as that is done."

RUNS_ELSEWHERE = "`copybara start` opens the page of that one. This page goes on once that one has ended."

AFTER_DAMAGE = "Put a backup in its place, or go on without your contacts. Then run: copybara service install"
"The next start makes an empty database, so it waits for its owner."


def for_the_page(error: CopybaraError) -> CantStart:
    """The whole page."""
    if isinstance(error, HomeInUse):
        hint = RUNS_ELSEWHERE
    else:
        hint = AFTER_DAMAGE if isinstance(error, DamagedStore) else joined(error.hint, GOES_ON)
    return CantStart(kind=error.kind, sentence=error.sentence, hint=hint)


def for_systemd(error: CopybaraError) -> str:
    """The same, for the journal and for `copybara service status`."""
    return joined(error.sentence, AFTER_DAMAGE if isinstance(error, DamagedStore) else error.hint)
