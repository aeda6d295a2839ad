"""The records of one datagram of DTLS (RFC 6347, section 4.1). Pure.

aiortc reads one record for each datagram that comes. The others of that datagram would wait in OpenSSL's memory, for
datagrams that never come, and there is no end to how many they may be.
"""

from __future__ import annotations

HEADER = 13
"Bytes: content type, version, epoch, sequence number, length."

DTLS = range(20, 64)
"What a datagram of DTLS begins with (RFC 7983, section 7)."

TYPES = range(20, 26)
"Content types of DTLS 1.2. Records of DTLS 1.3, which isn't spoken here, have another header, and others are unknown."

MAX_RECORDS = 16
"Of one datagram. A flight of the handshake has up to six, and an SCTP packet is one; there is room for over a hundred."


def split(datagram: bytes) -> list[bytes]:
    """The records, each as if it had come in a datagram of its own, MAX_RECORDS at most; the rest is left out.

    Anything but DTLS is returned as it is.
    """
    if not datagram or datagram[0] not in DTLS:
        return [datagram]
    records: list[bytes] = []
    at = 0
    while at + HEADER <= len(datagram) and datagram[at] in TYPES and len(records) < MAX_RECORDS:
        end = at + HEADER + int.from_bytes(datagram[at + 11 : at + HEADER], "big")
        if end > len(datagram):
            break
        records.append(datagram[at:end])
        at = end
    return records
