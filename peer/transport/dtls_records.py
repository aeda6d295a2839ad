"""The records of one datagram of DTLS (RFC 6347, section 4.1). Pure.

aiortc reads one record for each datagram that comes. The others of that datagram would wait in OpenSSL's memory, for
datagrams that never come, and there is no end to how many they may be.
"""

from __future__ import annotations

HEADER = 13
"Bytes: content type, version, epoch, sequence number, length."

TYPES = range(20, 26)
"Content types whose records begin with such a header. Those of DTLS 1.3 have another, and begin with 32 to 63."


def split(datagram: bytes) -> list[bytes]:
    """The records, each as if it had come in a datagram of its own; what is no whole record is left out.

    Anything but DTLS is returned as it is.
    """
    if not datagram or datagram[0] not in TYPES:
        return [datagram]
    records = []
    at = 0
    while at + HEADER <= len(datagram):
        end = at + HEADER + int.from_bytes(datagram[at + 11 : at + HEADER], "big")
        if end > len(datagram):
            break
        records.append(datagram[at:end])
        at = end
    return records
