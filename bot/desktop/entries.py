"""The text of the desktop's entries (Desktop Entry Specification 1.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.desktop.places import ID

SCHEME = "x-scheme-handler/copybara"
"What the links `copybara:TOKEN` are to a desktop."

MARK = "Made by: copybara desktop install"
"Stands in each file that was: no other is changed or removed."

_IN_QUOTES = str.maketrans({character: f"\\{character}" for character in '"`$\\'})
_IN_VALUE = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def application(program: str, home: str) -> str:
    """The entry that opens the page, and links. `program` and `home` are paths; either may hold any character."""
    command = f"{command_line([program, '--home', home, 'start', '--'])} %u"
    return f"""\
# {MARK}
[Desktop Entry]
Type=Application
Name=Copybara Relay
GenericName=Private calls
Comment=Call people directly, node to node
Icon={ID}
TryExec={_value(program)}
Exec={command}
Terminal=false
Categories=Network;Telephony;VideoConference;
Keywords=call;phone;video;overlay;
MimeType={SCHEME};
StartupNotify=false
"""


def autostart(program: str, home: str) -> str:
    """The entry that starts the program when the user logs in; the page isn't opened."""
    return f"""\
# {MARK}
[Desktop Entry]
Type=Application
Name=Copybara Relay
Comment=Be there for calls
Icon={ID}
TryExec={_value(program)}
Exec={command_line([program, "--home", home, "start", "--no-open"])}
Terminal=false
"""


def command_line(words: Sequence[str]) -> str:
    """Words as the value of `Exec`: each quoted, taken literally, and escaped as values are."""
    return _value(" ".join(f'"{word.translate(_IN_QUOTES)}"' for word in words)).replace("%", "%%")


def _value(text: str) -> str:
    return text.translate(_IN_VALUE)
