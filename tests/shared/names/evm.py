"""A local EVM, without what importing it does to everything else that is tested.

py-evm raises the interpreter's recursion limit a hundredfold, which takes the protection of the stack away: a parser
that is given a hundred thousand brackets would crash instead of refusing them.
"""

from __future__ import annotations

import sys

_limit = sys.getrecursionlimit()

from eth_tester import EthereumTester, PyEVMBackend  # noqa: E402
from eth_tester.exceptions import TransactionFailed  # noqa: E402

sys.setrecursionlimit(_limit)

__all__ = ["EthereumTester", "PyEVMBackend", "TransactionFailed"]
