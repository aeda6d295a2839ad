"""What a call needs if the two sides share no secret: our own DTLS identity, and the responses that were read."""

from __future__ import annotations

import functools
import hashlib
from collections import deque

from shared.links.kinds import Response
from shared.secrets.identity import DtlsIdentity

RESPONSES_REMEMBERED = 4096
"Links that answered one of our requests: anyone in the chat can write as many as they like, so none is kept on disk."


class FirstContact:
    """The first contact of one call."""

    def __init__(self, sealing_key: bytes | None) -> None:
        """Our request is sealed to `sealing_key` (32 bytes), if there is one."""
        self.sealing_key = sealing_key
        self.answer: Response | None = None
        "Our response, if we are the callee."

        self.untried: deque[Response] = deque()
        "Accepting responses that were read and not tried yet, if we are the caller. Anybody may have written them."

        self._read: set[bytes] = set()
        "SHA-256 of each response that was read."

    @functools.cached_property
    def identity(self) -> DtlsIdentity:
        """Our key and certificate, which no other call uses."""
        return DtlsIdentity.generate()

    def read(self, response: Response) -> bool:
        """Note a response to our request. Returns False if it was read before."""
        digest = hashlib.sha256(response.encode()).digest()
        if digest in self._read:
            return False
        if len(self._read) >= RESPONSES_REMEMBERED:
            self._read.clear()
        self._read.add(digest)
        return True
