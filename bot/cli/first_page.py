"""What `copybara` alone prints: the few commands for somebody who has just installed it."""

from __future__ import annotations

COMMANDS = (
    ("demo", "try it on this computer: two made-up people call each other, in half a minute"),
    ("setup", "once: the network for your calls, your name, a messenger if you want one"),
    ("start", "every day: opens the page where you talk"),
    ("invite", "a text for a friend who doesn't have it yet"),
    ("doctor", "what is missing, if something doesn't work"),
    ("manual", "the pages that explain everything"),
)

WIDTH = max(len(name) for name, _ in COMMANDS)


def first_page() -> str:
    """The page, as text."""
    lines = [f"  copybara {name:{WIDTH}}  {about}" for name, about in COMMANDS]
    return "\n".join(
        [
            "usage: copybara COMMAND ...",
            "",
            "Private calls between two people who already share a chat. The commands to begin with:",
            "",
            *lines,
            "",
            "All commands: copybara --help",
            "",
        ]
    )
