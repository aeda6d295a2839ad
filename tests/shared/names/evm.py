"""A local EVM whose import leaves the other tests alone.

py-evm raises the interpreter's recursion limit a hundredfold, which removes the protection of the stack: a parser would
crash on a hundred thousand brackets instead of refusing them.
"""

from __future__ import annotations

import sys

_limit = sys.getrecursionlimit()

from eth_tester import EthereumTester, PyEVMBackend  # noqa: E402
from eth_tester.exceptions import TransactionFailed  # noqa: E402

sys.setrecursionlimit(_limit)

__all__ = ["EthereumTester", "PyEVMBackend", "TransactionFailed"]
