"""What a wire and its calls have once the core runs: the account, and the desk where they speak."""

from __future__ import annotations

from bot.messengers.deltachat.account import Account
from bot.messengers.deltachat.rpc import RpcDown
from bot.messengers.plain.wire import Desk


class Begun:
    """Has neither before `begin`."""

    _account: Account | None = None
    _desk: Desk | None = None

    @property
    def _own_account(self) -> Account:
        """The account. Raises RpcDown before there is one."""
        if self._account is None:
            raise RpcDown("the account isn't open yet")
        return self._account

    @property
    def _own_desk(self) -> Desk:
        assert self._desk is not None
        return self._desk
