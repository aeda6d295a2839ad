"""What msgspec raises for bytes that aren't the JSON that was expected."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"Other syntax or types; text that isn't UTF-8; what is nested too deep. Foreign bytes may be any of them."
