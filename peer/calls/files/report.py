"""A transfer as scripts read it: the contract of `copybara run --console --json` and `copybara status --json`."""

from __future__ import annotations

from peer.calls.files.transfer import Transfer


def report(who: str, transfer: Transfer) -> dict[str, object]:
    """What is known of one file of a call with `who`: bytes, bytes a second."""
    return {
        "id": transfer.number,
        "with": who,
        "ours": transfer.ours,
        "name": transfer.name,
        "size": transfer.size,
        "state": str(transfer.state),
        "done": transfer.done,
        "rate": None if transfer.rate is None else round(transfer.rate),
        "resumed": transfer.resumed,
        "path": None if transfer.path is None else str(transfer.path),
        "why": transfer.why or None,
    }
