"""What a first contact needs beside its link: our DTLS identity, and the responses, which anybody may have written."""

from __future__ import annotations

import functools
import hashlib
from collections import deque

from shared.links.kinds import Response
from shared.secrets.identity import DtlsIdentity

RESPONSES_REMEMBERED = 4096
"Links that answered one of our requests: anyone in the chat can write as many as they like, so none is kept on disk."


class FirstContact:
    """One call's."""

    def __init__(self, sealing_key: bytes | None) -> None:
        """Our request is sealed to `sealing_key` (32 bytes), if there is one."""
        self.sealing_key = sealing_key
        self.answer: Response | None = None
        "Ours, as the callee."

        self.untried: deque[Response] = deque()
        "Accepting ones that were read, as the caller."

        self._read: set[bytes] = set()
        "SHA-256 of each response that was read."

    @functools.cached_property
    def identity(self) -> DtlsIdentity:
        """Ours, in this call and no other."""
        return DtlsIdentity.generate()

    def read(self, response: Response) -> bool:
        """Note a response to our request; whether it is a new one."""
        digest = hashlib.sha256(response.encode()).digest()
        if digest in self._read:
            return False
        if len(self._read) >= RESPONSES_REMEMBERED:
            self._read.clear()
        self._read.add(digest)
        return True
