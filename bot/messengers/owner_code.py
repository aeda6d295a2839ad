"""Who the owner is: the first who sends the one-time code that only the owner's terminal has shown."""

from __future__ import annotations

import hmac
import secrets

from bot.messengers.kept_facts import number, text
from shared.store.journal import Journal

CODE = "code"
OWNER = "owner"
ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
CODE_LENGTH = 16
"78 bits: nobody guesses it, however many messages they write."


def owner_of(journal: Journal) -> int | None:
    """The owner's numeric Telegram id, if somebody has claimed the bot."""
    return number(journal, OWNER)


def code_of(journal: Journal) -> str:
    """The code that claims the bot; the same until it is used."""
    kept = text(journal, CODE)
    if kept is None:
        kept = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        journal.set_facts({CODE: kept.encode()})
    return kept


def forget_owner(journal: Journal) -> None:
    """The bot has no owner from the next start on; a new code makes one."""
    journal.set_facts({OWNER: None})


def claim(journal: Journal, said: str, user: int) -> bool:
    """Make `user` the owner if they say the code and there is no owner yet. The code is of no use afterwards."""
    code = journal.fact(CODE)
    if code is None or owner_of(journal) is not None or not hmac.compare_digest(code, said.strip().encode()):
        return False
    journal.set_facts({OWNER: str(user).encode(), CODE: None})
    return True
