"""The firewall rules in the kernel: two machines in separate namespaces, with a device between them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.setup.yggdrasil import firewall
from tests.peer.own_namespace import need

INSIDE = """
set -eu
mount -t tmpfs none /run
mkdir /run/netns
for name in ours theirs behind; do ip netns add $name; ip -n $name link set lo up; done
link() {{ ip link add $2 netns $1 type veth peer name $5 netns $4
    ip -n $1 addr add $3 dev $2 nodad; ip -n $4 addr add $6 dev $5 nodad
    ip -n $1 link set $2 up; ip -n $4 link set $5 up; }}
link ours ygg0 fd00::1/64 theirs peer0 fd00::2/64
link ours docker0 fd01::1/64 behind eth0 fd01::2/64
ip netns exec ours sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n behind route add default via fd01::1
ip -n theirs route add fd01::/64 via fd00::1
ip netns exec ours nft -f {folder}/rules
ip netns exec ours nft -f {folder}/rules
ip netns exec ours {python} {folder}/listen.py {folder}/ours ygg0 \\
    ::,40123,udp fd00::1,40124,udp fd00::1,1024,udp ::,40125,tcp fd00::1,8766,tcp fd00::1,40128,tcp &
ip netns exec behind {python} {folder}/listen.py {folder}/behind - ::,40126,udp ::,40127,tcp &
for wanted in ours behind; do for n in $(seq 600); do [ -e {folder}/$wanted ] && break; sleep 0.1; done; done
ip netns exec theirs {python} {folder}/send.py > {folder}/reached
"""

LISTEN = """
import pathlib, select, socket, sys
kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
socks = []
for each in sys.argv[3:]:
    host, port, kind = each.split(",")
    sock = socket.socket(socket.AF_INET6, kinds[kind])
    if sys.argv[2] != "-" and host != "::":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
    sock.bind((host, int(port)))
    if kind == "tcp":
        sock.listen()
    socks.append(sock)
pathlib.Path(sys.argv[1]).touch()
while True:
    for sock in select.select(socks, [], [])[0]:
        if sock.type == socket.SOCK_DGRAM:
            data, sender = sock.recvfrom(99)
            sock.sendto(data, sender)
        else:
            sock.accept()
"""

SEND = """
import json, select, socket, time
reached = []
udp = {}
for host, port in (("fd00::1", 40123), ("fd00::1", 1024), ("fd01::2", 40126), ("fd00::1", 40124)):
    udp[port] = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp[port].connect((host, port))
tcp = {}
for host, port in (("fd00::1", 40125), ("fd00::1", 8766), ("fd00::1", 40128), ("fd01::2", 40127)):
    tcp[port] = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    tcp[port].setblocking(False)
    tcp[port].connect_ex((host, port))
# Whatever else comes in has come in before this one's answer, or comes in within a second of it.
until = time.monotonic() + 30
while 40124 not in reached and time.monotonic() < until:
    for port, sock in udp.items():
        sock.send(b"hi")
    for sock in select.select(list(udp.values()), [], [], 0.2)[0]:
        sock.recv(99)
        reached.append(sock.getpeername()[1])
for sock in select.select(list(udp.values()), list(tcp.values()), [], 1)[0]:
    reached.append(sock.getpeername()[1])
reached += [port for port, sock in tcp.items() if select.select([], [sock], [], 0)[1]]
print(json.dumps(sorted(set(reached))))
"""


@pytest.mark.timeout(180)
def test_calls_are_let_in_and_nothing_that_listens_on_all_addresses_or_is_forwarded(tmp_path: Path) -> None:
    need("unshare", "nft", "ip", "sysctl")
    (tmp_path / "rules").write_text(firewall.rules("ygg0", "32768-60999"))
    (tmp_path / "listen.py").write_text(LISTEN)
    (tmp_path / "send.py").write_text(SEND)
    script = INSIDE.format(folder=tmp_path, python=sys.executable)
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=150,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert json.loads((tmp_path / "reached").read_text()) == [8766, 40124]
