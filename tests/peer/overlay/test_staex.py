"""The Staex node, asked over a real HTTP service and by a real command, with everything that can go wrong."""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from peer.overlay import Overlay
from peer.overlay.interfaces import ThisMachine
from peer.overlay.staex import StaexOverlay
from peer.overlay.staex_api import MOST_BYTES, StaexApi
from peer.overlay.staex_command import StaexCommand
from shared.config.schema import Staex
from shared.errors import BadAddress, ConfigError, NodeUnreachable, OverlayDown, OverlayError
from shared.node_id import NodeId
from tests.peer.media.fixed_machine import MACHINE
from tests.peer.overlay.staex_service import OWN_ADDRESS, THEM, US, Answer, answering, http, listening, node
from tests.peer.own_namespace import in_own_namespace, ip

PATIENCE = 60.0
"Seconds that an answer or the end of a command may take on a busy machine."


def resolving(answer: bytes) -> Answer:
    """A correct service that gives this answer to questions for another node."""
    good = node()
    return lambda target: answer if str(THEM) in target else good(target)


def overlay(api: str, timeout: float = PATIENCE) -> StaexOverlay:
    return StaexOverlay(Staex(api=api), MACHINE, timeout=timeout)


async def test_a_good_service_gives_id_own_address_and_the_others_address() -> None:
    async with listening(answering(node(**{str(THEM): "10.83.0.7"}))) as api:
        staex: Overlay = overlay(api)
        before = staex.interface
        assert await staex.node_id() == US
        assert await staex.own_address() == IPv4Address(OWN_ADDRESS)
        assert (before, staex.interface) == (None, "tun0")
        assert await staex.address_of(THEM) == IPv4Address("10.83.0.7")
        assert await staex.node_of(IPv4Address("10.83.0.7")) is None


async def test_a_base_address_may_have_a_path_and_ipv6() -> None:
    good = node()

    def under_a_path(target: str) -> bytes:
        assert target.startswith("/staex/")
        return good(target.removeprefix("/staex"))

    async with listening(answering(under_a_path), "::1") as api:
        assert await overlay(f"{api}/staex/").own_address() == IPv4Address(OWN_ADDRESS)


async def test_a_node_that_is_not_known_is_unreachable() -> None:
    async with listening(answering(node())) as api:
        with pytest.raises(NodeUnreachable, match=f"knows no way to the node {THEM.short}"):
            await overlay(api).address_of(THEM)


async def test_the_own_address_is_not_asked_for_again_at_each_call() -> None:
    asked: list[str] = []
    good = node(**{str(THEM): "10.83.0.7"})

    def answer(target: str) -> bytes:
        asked.append(target)
        return good(target)

    async with listening(answering(answer)) as api:
        staex = overlay(api)
        await staex.address_of(THEM)
        await staex.address_of(THEM)
        assert asked == ["/id", f"/resolve?node-id={US}", *[f"/resolve?node-id={THEM}"] * 2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(b""), "isn't a JSON string"),
        (http(b"10.83.0.7"), "isn't a JSON string"),
        (http(b'{"address": "10.83.0.7"}'), "isn't a JSON string"),
        (http(b'"10.83.0.7'), "isn't a JSON string"),
        (http(b'"\xff"'), "isn't a JSON string"),
        (http(b"null"), "isn't a JSON string"),
        (http(gzip.compress(b'"10.83.0.7"'), "200 OK", "Content-Encoding: gzip"), "isn't a JSON string"),
        (http(b'"' + b"1" * 3_000_000 + b'"'), f"more than {MOST_BYTES} bytes"),
        (http(b"", "400 Bad Request"), "answered with status 400"),
        (http(b"", "404 Not Found"), "answered with status 404"),
        (http(b"", "500 Internal Server Error"), "answered with status 500"),
        (http(b'"10.83.0.7"', "206 Partial Content"), "answered with status 206"),
        (b"", "broke off or doesn't speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke off or doesn't speak HTTP"),
        (http(b'"10.83.0.7"')[:-3], "broke off or doesn't speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, "broke off or doesn't speak HTTP"),
    ],
)
async def test_an_answer_that_is_no_answer_means_that_the_overlay_is_down(answer: bytes, reason: str) -> None:
    async with listening(answering(resolving(answer))) as api:
        with pytest.raises(OverlayDown, match=reason):
            await overlay(api).address_of(THEM)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("copybara", "isn't an address"),
        ("10.83.0.7/24", "isn't an address"),
        ("10.83.0.7\\n", "isn't an address"),
        ("8.8.8.8", "a public address"),
        ("2600::1", "a public address"),
        ("127.0.0.1", "a loopback address"),
        ("::1", "a loopback address"),
        ("224.0.0.251", "a multicast address"),
        ("169.254.3.4", "a link-local address"),
        ("0.0.0.0", "the unspecified address"),
        ("::", "the unspecified address"),
        ("::ffff:10.83.0.7", "hides another one"),
        ("192.168.7.9", "in the subnet of eth0"),
        ("192.168.7.2", "an address of this machine"),
        ("10.84.0.7", "would leave by eth0, not by tun0"),
        (OWN_ADDRESS, "this machine's own address"),
    ],
)
async def test_an_address_that_a_call_must_never_touch_is_refused(address: str, reason: str) -> None:
    async with listening(answering(resolving(http(f'"{address}"'.encode())))) as api:
        with pytest.raises(BadAddress, match=reason) as refused:
            await overlay(api).address_of(THEM)
        assert address not in refused.value.sentence


async def test_an_address_outside_the_configured_range_is_refused() -> None:
    async with listening(answering(node(**{str(THEM): "10.83.0.7"}))) as api:
        staex = StaexOverlay(Staex(api=api, range=("10.83.0.0/30",)), MACHINE)
        with pytest.raises(BadAddress, match="outside the overlay's range"):
            await staex.address_of(THEM)


@pytest.mark.parametrize("address", ["192.168.7.2", "127.0.0.1", "8.8.8.8", "2001:db8:7::2", "fe80::2", ""])
async def test_an_own_address_that_must_not_be_bound_is_refused(address: str) -> None:
    def answer(target: str) -> bytes:
        return http(f'"{address if "resolve" in target else US}"'.encode())

    async with listening(answering(answer)) as api:
        with pytest.raises(BadAddress if address else OverlayDown):
            await overlay(api).own_address()


@pytest.mark.parametrize(
    ("own_id", "reason"),
    [("", "gives no node id"), ("copybara", "isn't a node id"), (str(US).upper(), "isn't a node id")],
)
async def test_a_service_without_its_node_means_that_the_overlay_is_down(own_id: str, reason: str) -> None:
    async with listening(answering(lambda _: http(f'"{own_id}"'.encode()))) as api:
        with pytest.raises(OverlayDown, match=reason):
            await overlay(api).node_id()


async def test_a_device_that_has_gone_means_that_the_overlay_is_down() -> None:
    async with listening(answering(node(**{str(THEM): "10.83.0.7"}))) as api:
        with pytest.raises(OverlayDown, match="no network device of this machine carries"):
            await StaexOverlay(Staex(api=api), MACHINE.without("tun0")).address_of(THEM)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_never_followed(status: str) -> None:
    visited: list[str] = []

    def elsewhere(target: str) -> bytes:
        visited.append(target)
        return http(b'"10.83.0.7"')

    async with listening(answering(elsewhere)) as other:
        answer = http(b"", status, f"Location: {other}/resolve")
        async with listening(answering(resolving(answer))) as api:
            with pytest.raises(OverlayDown, match="redirects"):
                await overlay(api).address_of(THEM)
    assert visited == []


async def test_a_service_that_hangs_is_given_up() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(never) as api:
        with pytest.raises(OverlayDown, match=r"didn't answer within 0.2 seconds"):
            await overlay(api, timeout=0.2).node_id()


async def test_a_service_that_drips_is_given_up_too() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b'"')
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as api:
        with pytest.raises(OverlayDown, match=r"didn't answer within 0.3 seconds"):
            await overlay(api, timeout=0.3).node_id()


async def test_megabytes_without_end_are_not_read_to_the_end() -> None:
    given_up = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"1" * 65536)
                await writer.drain()
        finally:
            given_up.set()

    async with listening(flood) as api:
        with pytest.raises(OverlayDown, match=f"more than {MOST_BYTES} bytes"):
            await overlay(api).node_id()
        await asyncio.wait_for(given_up.wait(), PATIENCE)


async def test_nothing_listening_is_said_plainly() -> None:
    async with listening(answering(node())) as api:
        pass
    with pytest.raises(OverlayDown, match=f"{api} doesn't answer: nothing listens there"):
        await overlay(api).node_id()


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    async with listening(answering(node())) as api:
        assert await overlay(api).node_id() == US


async def test_what_is_asked_and_answered_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with listening(answering(node(**{str(THEM): "10.83.0.7"}))) as api:
            await overlay(api).address_of(THEM)
    assert not [record for record in caplog.records if record.name.startswith("httpx")]
    assert str(THEM) not in caplog.text
    assert "10.83.0" not in caplog.text


@pytest.mark.parametrize(
    "api",
    [
        "http://192.168.7.9:9377",
        "http://copybara.example:9377",
        "http://127.0.0.1.copybara.example",
        "http://localhost.copybara.example",
        "https://[2001:db8::1]",
        "http://0.0.0.0:9377",
    ],
)
def test_a_service_on_another_machine_needs_the_owners_word(api: str) -> None:
    with pytest.raises(ConfigError, match="isn't on this machine"):
        StaexApi(api)
    assert "remote" in StaexApi(api, allow_remote=True).where
    assert api not in StaexApi(api, allow_remote=True).where


@pytest.mark.parametrize(
    "api", ["http://127.0.0.1:9377", "http://localhost:9377/", "http://[::1]:9377", "https://127.0.0.1"]
)
def test_a_service_on_this_machine_needs_nothing(api: str) -> None:
    assert api.replace("localhost", "127.0.0.1").rstrip("/") in StaexApi(api).where


@given(st.text())
@example("")
@example("ftp://127.0.0.1")
@example("http://")
@example("http://127.0.0.1:0")
@example("http://127.0.0.1:99999")
@example("http://user@127.0.0.1")
@example("http://127.0.0.1?x=y")
@example("http://[::1")
@example("http://127.0.0.1\r\nX: y")
def test_anything_else_is_no_address_of_a_service(api: str) -> None:
    with pytest.raises(ConfigError):
        StaexApi(api)


def script(folder: Path, body: str) -> tuple[str, ...]:
    """A command that a shell runs, with arguments in $1 and $2."""
    file = folder / "mcc"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return (str(file),)


GOOD_COMMAND = f"""
case "$1 $2" in
    "id ") echo {US} ;;
    "resolve {US}") echo {OWN_ADDRESS} ;;
    "resolve {THEM}") echo 10.83.0.7 ;;
    *) echo ;;
esac
"""


async def test_the_command_gives_id_own_address_and_the_others_address(tmp_path: Path) -> None:
    staex = StaexOverlay(Staex(command=script(tmp_path, GOOD_COMMAND)), MACHINE)
    assert await staex.node_id() == US
    assert await staex.own_address() == IPv4Address(OWN_ADDRESS)
    assert await staex.address_of(THEM) == IPv4Address("10.83.0.7")
    with pytest.raises(NodeUnreachable):
        await staex.address_of(NodeId(bytes(32)))


async def test_a_command_of_several_words_is_run_without_a_shell(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    command = script(tmp_path, f'printf "%s\\n" "$@" > {noted}; echo {US}')
    assert await StaexCommand((*command, "exec", "a b", "$(touch x)", ";")).own_id() == str(US)
    assert noted.read_text().splitlines() == ["exec", "a b", "$(touch x)", ";", "id"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 1", "failed with status 1"),
        (f"echo {US}; exit 3", "failed with status 3"),
        ("kill -9 $$", "failed with status -9"),
        ("yes", "printed more than 1024 bytes"),
        ("printf '\\377\\376'", "isn't text"),
        ("cat; sleep 60", "didn't end within 0.5 seconds"),
        ("echo ok; exec >&-; sleep 60", "didn't end within 0.5 seconds"),
        ("setsid sleep 5 & exit 0", "didn't end within 0.5 seconds"),
        ("echo", "gives no node id"),
        ("echo copybara", "isn't a node id"),
        (f"echo {US} {US}", "isn't a node id"),
    ],
)
async def test_a_command_that_goes_wrong_means_that_the_overlay_is_down(tmp_path: Path, body: str, reason: str) -> None:
    staex = StaexOverlay(
        Staex(command=script(tmp_path, body)), MACHINE, timeout=0.5 if "0.5 seconds" in reason else PATIENCE
    )
    with pytest.raises(OverlayDown, match=reason):
        await staex.node_id()


async def test_a_command_that_is_given_up_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    # Reading the pipe ends once every process that holds its writing end has ended.
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    try:
        command = script(tmp_path, f"exec 3> {alive}; sleep 60 & sleep 60")
        with pytest.raises(OverlayDown, match="didn't end"):
            await StaexCommand(command, timeout=0.5).own_id()
        os.set_blocking(reader, True)
        assert await asyncio.wait_for(asyncio.to_thread(os.read, reader, 1), PATIENCE) == b""
    finally:
        os.close(reader)


async def test_a_command_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    command = script(tmp_path, f"echo $$ > {started}; exec sleep 60")
    task = asyncio.create_task(StaexCommand(command, timeout=60).own_id())
    pid = int(await asyncio.to_thread(started.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("command", ["no-such-program-anywhere", "/", "/etc/passwd"])
async def test_a_command_that_is_no_program_is_named(command: str) -> None:
    with pytest.raises(OverlayDown, match=f"The command `{command}` (isn't there|can't be run)"):
        await StaexCommand((command,)).own_id()


@pytest.mark.parametrize("command", [(), ("",), ("mcc", ""), ("mcc", "a\0b")])
def test_what_cannot_be_a_command_is_a_configuration_error(command: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="list of words"):
        StaexCommand(command)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_the_service_says_ends_in_one_known_error_or_a_good_address(own_id: bytes, address: bytes) -> None:
    async def work() -> None:
        def answer(target: str) -> bytes:
            return http(own_id if target == "/id" else address)

        async with listening(answering(answer)) as api:
            with suppress(OverlayError):
                assert await overlay(api).node_id()
            with suppress(OverlayError):
                assert ip_address((await overlay(api).own_address()).packed).is_private

    asyncio.run(work())


def test_on_a_real_device_the_address_is_bound_and_followed(tmp_path: Path) -> None:
    async def work() -> None:
        for line in (
            "tuntap add dev staex0 mode tun",
            "addr add 10.83.0.1/24 dev staex0",
            "link set staex0 up",
            "link add net0 type veth peer name far0",
            "addr add 192.168.7.2/24 dev net0",
            "link set net0 up",
            "link set far0 up",
            "route add default dev net0",
        ):
            ip(line)
        said = {str(US): OWN_ADDRESS, str(THEM): "10.83.0.7"}

        def answer(target: str) -> bytes:
            parts = urlsplit(target)
            return http(f'"{US}"'.encode() if parts.path == "/id" else f'"{said[target[-52:]]}"'.encode())

        async with listening(answering(answer)) as api:
            staex = StaexOverlay(Staex(api=api), ThisMachine())
            assert await staex.own_address() == IPv4Address("10.83.0.1")
            assert staex.interface == "staex0"
            assert await staex.address_of(THEM) == IPv4Address("10.83.0.7")

            for lie in ("192.168.7.1", "192.168.7.2", "10.84.0.7", "127.0.0.1", "10.83.0.255"):
                said[str(THEM)] = lie
                with pytest.raises(BadAddress):
                    await staex.address_of(THEM)
            said[str(US)] = "192.168.7.2"
            with pytest.raises(BadAddress, match="net0, which leads to the internet"):
                await staex.own_address()

            said.update({str(US): "10.83.1.1", str(THEM): "10.83.1.7"})
            ip("addr add 10.83.1.1/24 dev staex0")
            ip("addr del 10.83.0.1/24 dev staex0")
            assert await staex.address_of(THEM) == IPv4Address("10.83.1.7")

            ip("link set staex0 down")
            with pytest.raises(OverlayDown, match="device staex0 is down"):
                await staex.address_of(THEM)
            ip("link del staex0")
            with pytest.raises(OverlayDown, match="no network device"):
                await staex.address_of(THEM)

    in_own_namespace(work)
