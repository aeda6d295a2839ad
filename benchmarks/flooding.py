"""`python -m benchmarks.flooding FROM HOST PORT PER_SECOND SECONDS`: sends datagrams, and says how many it sent."""

from __future__ import annotations

import itertools
import socket
import sys
import time

AT_ONCE = 50
"Datagrams without a look at the clock."

JUNK = bytes(1000)


def main(source: str, host: str, port: str, per_second: str, seconds: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect((host, int(port)))
        begun, pause = time.monotonic(), AT_ONCE / float(per_second)
        for turn in itertools.count(1):
            for _ in range(AT_ONCE):
                sock.send(JUNK)
            now = time.monotonic() - begun
            if now > float(seconds):
                break
            time.sleep(max(0.0, turn * pause - now))
    sys.stdout.write(f"{turn * AT_ONCE / now:.0f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
