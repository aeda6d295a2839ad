"""What a wire and its calls have once the core runs: the account, and the desk."""

from __future__ import annotations

from bot.messengers.deltachat.account import Account
from bot.messengers.deltachat.rpc import RpcDown
from bot.messengers.plain.wire import Desk


class Begun:
    """Holds the account and the desk after `begin`, and neither before."""

    _account: Account | None = None
    _desk: Desk | None = None

    @property
    def _own_account(self) -> Account:
        """The account. Raises RpcDown before `begin`."""
        if self._account is None:
            raise RpcDown("the account isn't open yet")
        return self._account

    @property
    def _own_desk(self) -> Desk:
        assert self._desk is not None
        return self._desk
