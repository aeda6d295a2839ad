"""Finds the owner: the first who sends the one-time code. Only the owner's terminal shows the code."""

from __future__ import annotations

import hmac
import secrets

from bot.messengers.kept_facts import number, text
from shared.store.journal import CODE, OWNER, Journal

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
CODE_LENGTH = 16
"16 characters are 78 bits, too many to guess with any number of messages."


def owner_of(journal: Journal) -> int | None:
    """The owner's numeric Telegram id. None if nobody has claimed the bot."""
    return number(journal, OWNER)


def code_of(journal: Journal) -> str:
    """The code that claims the bot. It stays the same until it is used."""
    code = text(journal, CODE)
    if code is None:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        journal.set_facts({CODE: code.encode()})
    return code


def forget_owner(journal: Journal, theirs: str) -> None:
    """Forget the owner, and what they have commanded. From the next start on a new code can claim the bot.

    `theirs` is the prefix of facts that hold only for that person's account.
    """
    journal.forget_commands([OWNER, *journal.facts(theirs)])


def claim(journal: Journal, text: str, user: int) -> bool:
    """Make `user` the owner if they send the code and there is no owner yet. The code then becomes invalid."""
    code = journal.fact(CODE)
    if code is None or owner_of(journal) is not None or not hmac.compare_digest(code, text.strip().encode()):
        return False
    journal.set_facts({OWNER: str(user).encode(), CODE: None})
    return True
