"""The handset endpoint on a real call, with pages that open and close.

The browser is aiortc's RTCPeerConnection. Its ICE agent differs from ours: like Chromium, it sends to 127.0.0.1 from
the address of the network card. tests/browser tests real browsers.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice import stun
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)

from peer.handset.browser_leg import BrowserLeg
from peer.handset.endpoint import MAX_TRIES, HandsetEndpoint
from peer.handset.loopback_socket import LoopbackSocket
from peer.handset.page import Page, Pages
from peer.handset.protocol import Offer, Problem, ToPage
from peer.media.endpoints.answer_chime import CHIME_SECONDS
from peer.media.endpoints.pattern import Pattern
from peer.transport.connections import Connections, Rates
from peer.transport.leg import Leg
from peer.transport.profile import KINDS, MEDIA
from peer.transport.rtp_packets import is_rtp
from shared.errors import HandsetError
from shared.media import Media
from shared.rate import Limit
from tests.peer.pair import PATIENCE, connected
from tests.peer.transport.test_leg_media import Tap


class BrowserPage:
    """A browser's page that answers offers, sends sound and picture, and counts the frames that it gets."""

    def __init__(self, endpoint: HandsetEndpoint, page: Page) -> None:
        self.page = page
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.offers: list[Offer] = []
        self.ignores = re.compile("^$")
        "Lines of an offer that the browser ignores."

        self._endpoint = endpoint

    async def next(self) -> ToPage:
        async with asyncio.timeout(PATIENCE):
            message = await self.page.next()
        assert message is not None
        return message

    async def offered(self) -> Offer:
        """Wait for the next offer."""
        while not isinstance(message := await self.next(), Offer):
            pass
        self.offers.append(message)
        return message

    async def join(self) -> Offer:
        """Answer the next offer."""
        return await self.answer(await self.offered())

    async def answer(self, offer: Offer) -> Offer:
        """Answer an offer, as the real page does."""
        self.connection.on("track", lambda track: self.tracks.__setitem__(track.kind, track))
        await self.connection.setRemoteDescription(RTCSessionDescription(self.ignores.sub("", offer.sdp), "offer"))
        for transceiver in self.connection.getTransceivers():
            transceiver.direction = "sendrecv"
            transceiver.sender.replaceTrack(AudioStreamTrack() if transceiver.kind == "audio" else VideoStreamTrack())
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        self._endpoint.answered(offer.leg, self.connection.localDescription.sdp)
        return offer

    async def sees(self, *kinds: str) -> None:
        """Wait for a decoded frame of each kind."""
        async with asyncio.timeout(PATIENCE):
            for kind in kinds:
                await self.tracks[kind].recv()

    async def close(self) -> None:
        await self.connection.close()


@asynccontextmanager
async def at(endpoint: HandsetEndpoint, pages: Pages, page: Page | None = None) -> AsyncIterator[BrowserPage]:
    """A page that has just been opened. It closes at the end."""
    browser = BrowserPage(endpoint, page or Page())
    pages.come(browser.page)
    try:
        yield browser
    finally:
        pages.leave(browser.page)
        await browser.close()


@asynccontextmanager
async def call(media: Media = Media.BOTH) -> AsyncIterator[tuple[HandsetEndpoint, Pages, Pattern]]:
    """A call whose other side sends the pattern. Our side is the handset, and no page is open."""
    pages = Pages()
    async with connected() as legs:
        endpoint, pattern = HandsetEndpoint(pages, 1), Pattern(160, 120, 15)
        await pattern.attach(legs.caller, media, legs.tasks)
        await endpoint.attach(legs.callee, media, legs.tasks)
        try:
            yield endpoint, pages, pattern
        finally:
            await endpoint.detach()
            await endpoint.detach()
            await pattern.detach()
            pages.stop(None)


async def test_a_page_sees_and_is_seen() -> None:
    async with connected() as legs:
        pages = Pages()
        endpoint, pattern = HandsetEndpoint(pages, 1), Pattern(160, 120, 15)
        seen = [await legs.caller.receive(kind) for kind in ("audio", "video")]
        await endpoint.attach(legs.callee, Media.BOTH, legs.tasks)
        async with at(endpoint, pages) as browser:
            await browser.join()
            await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
            await browser.sees("audio", "video")
            async with asyncio.timeout(PATIENCE):
                for track in seen:
                    await track.recv()
        await endpoint.detach()
        await pattern.detach()


async def test_a_page_that_comes_late_is_told_what_is_sent_and_sees_it() -> None:
    async with call() as (endpoint, pages, _):
        async with at(endpoint, pages) as first:
            offer = await first.join()
            await first.sees("audio", "video")
        assert "a=ssrc" not in offer.sdp or offer.sdp.count("a=ssrc") == 2
        async with at(endpoint, pages) as late:
            offer = await late.join()
            assert offer.sdp.count("a=ssrc:") == 2
            await late.sees("audio", "video")


async def test_a_page_that_was_there_first_is_told_which_streams_belong_together() -> None:
    """Only then does Chromium delay the picture to match the sound. The leg stays the same and continues."""
    async with connected() as legs:
        pages = Pages()
        endpoint, pattern = HandsetEndpoint(pages, 1), Pattern(160, 120, 15)
        await endpoint.attach(legs.callee, Media.BOTH, legs.tasks)
        async with at(endpoint, pages) as browser:
            first = await browser.join()
            assert "a=ssrc:" not in first.sdp
            await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
            again = await browser.offered()
            while again.sdp.count("a=ssrc:") < 2:
                again = await browser.offered()
            assert again.leg == first.leg
            for kind in MEDIA:
                assert f"a=ssrc:{legs.callee.counters.of(kind).newest} cname:" in again.sdp
            credentials = re.compile("a=(?:ice|fingerprint|candidate).*")
            assert credentials.findall(again.sdp) == credentials.findall(first.sdp), "nothing is connected anew"
            wanted = legs.caller.counters.rtcp
            endpoint.answered(again.leg, browser.connection.localDescription.sdp)
            await browser.sees("audio", "video")
            assert endpoint.joined
            async with asyncio.timeout(PATIENCE):
                while legs.caller.counters.rtcp <= wanted:  # noqa: ASYNC110 -- a counter has no event
                    await asyncio.sleep(0.01)  # until a whole picture is requested
        await endpoint.detach()
        await pattern.detach()


async def test_a_notice_that_has_begun_without_the_page_is_not_passed_on() -> None:
    async with call(Media.AUDIO) as (endpoint, pages, _), at(endpoint, pages) as browser:
        assert not endpoint.answered_automatically()
        began = time.monotonic()
        await browser.join()
        await browser.sees("audio")
        assert time.monotonic() - began >= CHIME_SECONDS


async def test_a_page_that_is_there_before_any_sound_hears_the_notice_itself() -> None:
    async with connected() as legs:
        pages = Pages()
        endpoint, pattern = HandsetEndpoint(pages, 1), Pattern(160, 120, 15)
        await endpoint.attach(legs.callee, Media.AUDIO, legs.tasks)
        async with at(endpoint, pages) as browser:
            theirs = Tap(bool)
            legs.caller.tap(theirs)
            await browser.join()
            await theirs.done()
            assert endpoint.answered_automatically()
            await pattern.attach(legs.caller, Media.AUDIO, legs.tasks)
            await browser.sees("audio")
        await endpoint.detach()
        await pattern.detach()


async def test_a_page_is_offered_nothing_before_what_is_said_first_is_said() -> None:
    async with connected() as legs:
        pages = Pages()
        endpoint = HandsetEndpoint(pages, 1)
        legs.callee.sound_free.clear()
        await endpoint.attach(legs.callee, Media.AUDIO, legs.tasks)
        async with at(endpoint, pages) as browser:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await browser.page.next()
            legs.callee.sound_free.set()
            await browser.offered()
        await endpoint.detach()


async def test_the_newer_page_gets_the_media() -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as older:
        await older.join()
        await older.sees("video")
        async with at(endpoint, pages) as newer:
            await newer.join()
            await newer.sees("audio", "video")
            assert endpoint.joined
            assert older.page.gone.is_set()


@asynccontextmanager
async def on_two_places(
    moved: list[bool], seconds: float = 2 * PATIENCE, kind: type[HandsetEndpoint] = HandsetEndpoint
) -> AsyncIterator[tuple[Leg, HandsetEndpoint, Pages, BrowserPage, BrowserPage]]:
    """A call at one page, while another page elsewhere is about to take it: the other side's leg comes first.

    `seconds`: how long the first page continues meanwhile. `kind` is the class of the call's endpoint.
    """
    async with connected() as legs:
        pages = Pages()
        endpoint, pattern = kind(pages, 1, lambda: moved.append(True), seconds), Pattern(160, 120, 15)
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        await endpoint.attach(legs.callee, Media.BOTH, legs.tasks)
        async with at(endpoint, pages) as here:
            await here.join()
            await sound_of_another_stream(legs.caller, None)
            async with at(endpoint, pages, Page("phone", "200::2", LoopbackSocket.listen)) as there:
                yield legs.caller, endpoint, pages, here, there
        await endpoint.detach()
        await pattern.detach()


async def sound_of_another_stream(leg: Leg, before: int | None) -> int:
    """Wait for some packets of sound from another stream than before, and return its SSRC."""
    seen: list[int] = []
    enough = asyncio.Event()

    async def sink(packet: bytes) -> None:
        if is_rtp(packet) and KINDS.get(packet[1] & 0x7F) == "audio":
            ssrc = int.from_bytes(packet[8:12], "big")
            seen[:] = [*(each for each in seen if each == ssrc), ssrc]
            if ssrc != before and len(seen) >= 10:
                enough.set()

    leg.tap(sink)
    try:
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
    finally:
        leg.untap(sink)
    return seen[-1]


async def test_the_page_that_had_the_call_is_heard_until_the_one_that_takes_it_is() -> None:
    moved: list[bool] = []
    async with on_two_places(moved) as (other_side, endpoint, pages, here, there):
        before = await sound_of_another_stream(other_side, None)
        pages.take(there.page)
        assert endpoint.leaving is here.page
        offer = await there.offered()
        # The page hasn't answered, and its browser has no microphone yet.
        assert await sound_of_another_stream(other_side, None) == before
        assert moved == []
        await there.answer(offer)
        await sound_of_another_stream(other_side, before)
        assert moved == [True]
        assert endpoint.leaving is None
        await there.sees("audio", "video")


async def test_a_call_that_is_taken_back_meanwhile_has_never_moved() -> None:
    moved: list[bool] = []
    async with on_two_places(moved) as (other_side, endpoint, pages, here, there):
        before = await sound_of_another_stream(other_side, None)
        pages.take(there.page)
        await there.offered()
        pages.take(here.page)
        assert endpoint.leaving is None
        assert await sound_of_another_stream(other_side, None) == before
        assert len(here.offers) == 1
        assert moved == []


async def test_a_call_is_served_when_it_is_taken_back_after_the_leg_there_has_ended() -> None:
    moved: list[bool] = []
    async with on_two_places(moved) as (_, endpoint, pages, here, there):
        pages.take(there.page)
        theirs = await there.offered()
        leaving = endpoint._leaving
        assert leaving is not None
        await here.connection.close()
        await asyncio.wait([leaving.task], timeout=PATIENCE)
        assert moved == [True]
        pages.take(here.page)
        here.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        while (offer := await here.offered()).leg < theirs.leg:
            pass
        await here.answer(offer)
        await here.sees("audio", "video")
        assert endpoint.joined


class TakenBack(HandsetEndpoint):
    """Its call is taken back to a page at the moment at which another page has it."""

    back_to: Page | None = None

    @functools.cached_property
    def taken_back(self) -> asyncio.Event:
        return asyncio.Event()

    async def _join(self) -> None:
        await super()._join()
        if self.back_to is not None and self._pages.current is not self.back_to:
            self._pages.take(self.back_to)
            self.taken_back.set()
            await asyncio.Event().wait()  # until its task is cancelled


async def test_a_call_that_is_taken_back_as_the_other_page_gets_it_is_heard_from_the_first_again() -> None:
    moved: list[bool] = []
    async with on_two_places(moved, kind=TakenBack) as (other_side, endpoint, pages, here, there):
        before = await sound_of_another_stream(other_side, None)
        assert isinstance(endpoint, TakenBack)
        endpoint.back_to = here.page
        pages.take(there.page)
        await there.join()
        async with asyncio.timeout(PATIENCE):
            await endpoint.taken_back.wait()
        assert await sound_of_another_stream(other_side, None) == before
        assert endpoint.joined
        assert moved == []


async def test_a_page_that_answers_nothing_lets_the_one_that_had_the_call_be_heard_for_some_seconds_only() -> None:
    moved: list[bool] = []
    async with on_two_places(moved, 0.5) as (_, endpoint, pages, here, there):
        closed = asyncio.Event()
        here.connection.on("connectionstatechange", closed.set)
        pages.take(there.page)
        offer = await there.offered()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
        assert moved == [True]
        assert not endpoint.joined
        await there.answer(offer)
        await there.sees("audio", "video")


async def test_a_device_that_is_locked_out_while_another_takes_the_call_is_heard_no_more() -> None:
    moved: list[bool] = []
    async with on_two_places(moved) as (_, endpoint, pages, here, there):
        pages.take(there.page)
        offer = await there.offered()
        closed = asyncio.Event()
        here.connection.on("connectionstatechange", closed.set)
        pages.leave(here.page)
        assert moved == [True]
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
        assert not endpoint.joined
        await there.answer(offer)
        await there.sees("audio", "video")


async def test_a_call_that_is_dialled_again_goes_on_in_the_same_page() -> None:
    async with asyncio.TaskGroup() as tasks:
        pages = Pages()
        endpoint, pattern = HandsetEndpoint(pages, 1), Pattern(160, 120, 15)
        async with at(endpoint, pages) as browser:
            async with connected() as legs:
                await pattern.attach(legs.caller, Media.BOTH, tasks)
                await endpoint.attach(legs.callee, Media.BOTH, tasks)
                await browser.join()
                await browser.sees("audio", "video")
            async with connected() as legs:
                # aiortc's tracks end with the old stream's BYE, so this test counts packets.
                await endpoint.attach(legs.callee, Media.BOTH, tasks)
                assert endpoint.joined
                before = endpoint.counters.inward.rtp_packets
                arrived = Tap(lambda packets: len(packets) >= 20)
                legs.callee.tap(arrived)
                await pattern.attach(legs.caller, Media.BOTH, tasks)
                await arrived.done()
                assert endpoint.counters.inward.rtp_packets >= before + 15
                assert len(browser.offers) == 1
                await endpoint.detach()
                await pattern.detach()


async def test_a_call_without_a_picture_offers_none() -> None:
    async with call(Media.AUDIO) as (endpoint, pages, _), at(endpoint, pages) as browser:
        assert "m=video" not in (await browser.join()).sdp
        await browser.sees("audio")


async def test_the_page_can_ask_for_another_leg() -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as browser:
        first = await browser.offered()
        endpoint.offer_again()
        second = await browser.offered()
        assert second.leg > first.leg
        endpoint.answered(first.leg, "an answer to the old one")
        endpoint.answered(99, "an answer to none")
        assert not endpoint.joined


@pytest.mark.parametrize("answer", ["", "v=0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "\0" * 1000, "a=" * 20_000])
async def test_hostile_answers_are_refused_and_the_next_offer_works(answer: str) -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as browser:
        offer = await browser.offered()
        endpoint.answered(offer.leg, answer)
        problem = await browser.next()
        assert isinstance(problem, Problem)
        assert problem.call == 1
        await browser.join()
        await browser.sees("audio", "video")


async def test_a_page_that_leaves_while_the_call_ends_costs_nothing() -> None:
    pages, page, attached = Pages(), Page(), asyncio.Event()
    pages.come(page)

    async def leave_last() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            pages.leave(page)

    async with connected() as legs:
        endpoint = HandsetEndpoint(pages, 1)

        async def host() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(leave_last())
                await endpoint.attach(legs.callee, Media.AUDIO, tasks)
                attached.set()
                await asyncio.Event().wait()

        hosting = asyncio.create_task(host())
        await attached.wait()
        hosting.cancel()
        await asyncio.wait([hosting])
        assert hosting.cancelled()
        await endpoint.detach()
    pages.stop(None)


async def test_a_page_that_fails_again_and_again_has_to_ask() -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as browser:
        for _ in range(MAX_TRIES):
            offer = await browser.offered()
            endpoint.answered(offer.leg, "nonsense")
        assert isinstance(await browser.next(), Problem)
        endpoint.offer_again()
        await browser.join()
        await browser.sees("audio")


async def test_an_answer_with_another_certificate_gets_no_media() -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as browser:
        offer = await browser.offered()
        await browser.connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await browser.connection.setLocalDescription(await browser.connection.createAnswer())
        lines = browser.connection.localDescription.sdp.split("\r\n")
        forged = ":".join(["AB"] * 32)
        endpoint.answered(
            offer.leg,
            "\r\n".join(f"a=fingerprint:sha-256 {forged}" if "sha-256" in line else line for line in lines),
        )
        assert isinstance(await browser.next(), Problem)
        assert endpoint.counters.inward.rtp_packets == 0


async def test_an_answer_whose_browser_never_comes_is_given_up() -> None:
    leg = BrowserLeg(await LoopbackSocket.listen(), Media.AUDIO)
    try:
        answer = await _answer(leg.offer({}))
        with pytest.raises(HandsetError):
            await leg.connect(answer, seconds=0.2)
    finally:
        await leg.close()
        await leg.close()


async def test_a_browser_that_sends_nothing_to_loopback_joins_by_another_own_address() -> None:
    async with call() as (endpoint, pages, _), at(endpoint, pages) as browser:
        # Firefox ignores that candidate.
        browser.ignores = re.compile(r"a=candidate:.* 127\.0\.0\.1 .*\r\n")
        offer = await browser.join()
        assert f" {_lan_address()} " in offer.sdp
        await browser.sees("audio", "video")


async def test_a_relay_that_fails_is_the_endpoint_s_own_failure() -> None:
    failed: asyncio.Queue[Exception] = asyncio.Queue()
    async with call(Media.AUDIO) as (endpoint, pages, _), at(endpoint, pages) as browser:
        assert endpoint._overlay is not None
        endpoint._overlay.tap_failures.listen(failed.put_nowait)
        endpoint.counters.outward.rtp_packets = "one"  # type: ignore[assignment]
        await browser.join()
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await failed.get(), TypeError)
        await browser.sees("audio")


async def test_a_check_is_answered_from_where_it_was_sent_to_and_says_where_it_came_from() -> None:
    leg = BrowserLeg(await LoopbackSocket.listen(), Media.AUDIO)
    offer = leg.offer({})
    answer = await _answer(offer)
    connecting = asyncio.create_task(leg.connect(answer))
    try:
        candidates = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", offer)
        assert {host for host, _ in candidates} >= {"127.0.0.1", _lan_address()}
        for host, port in candidates:
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            check.attributes["USERNAME"] = f"{_value(offer, 'ice-ufrag')}:{_value(answer, 'ice-ufrag')}"
            check.attributes["PRIORITY"] = 1
            check.attributes["ICE-CONTROLLED"] = 1
            check.add_message_integrity(_value(offer, "ice-pwd").encode())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
                browser.bind((host, 0))
                browser.connect((host, int(port)))
                browser.send(bytes(check))
                browser.setblocking(False)
                async with asyncio.timeout(PATIENCE):
                    message = stun.parse_message(await asyncio.get_running_loop().sock_recv(browser, 1500))
                    while message.transaction_id != check.transaction_id:
                        message = stun.parse_message(await asyncio.get_running_loop().sock_recv(browser, 1500))
                assert message.attributes["XOR-MAPPED-ADDRESS"] == browser.getsockname()
    finally:
        connecting.cancel()
        await leg.close()
        await asyncio.wait((connecting,))


async def test_the_port_takes_nothing_from_other_machines_addresses() -> None:
    sock = await LoopbackSocket.listen()
    bound = sock._bound[0]
    try:
        bound.datagram_received(b"\x80" + bytes(40), ("192.0.2.1", 4711))
        bound.datagram_received(b"\x80" + bytes(40), ("8.8.8.8", 4711))
        bound.media_received([b"\x80" + bytes(40)] * 2, ("192.0.2.1", 4711))
        assert sock.counters.refused["foreign-address"] == 4
        bound.datagram_received(b"\x80" + bytes(40), ("127.0.0.1", 4711))
        bound.datagram_received(b"\x80" + bytes(40), (_lan_address() or "127.0.0.5", 4711))
        assert sock.counters.refused["foreign-address"] == 4
        assert sock.counters.refused["unexpected"] == 2
        sock.send(b"nobody has shown that it knows the password", 4711)
        assert sock.counters.sent_packets == 0
    finally:
        sock.close()
        await asyncio.sleep(0)


async def test_a_flood_of_another_user_is_dropped_by_the_kernel_and_the_browser_is_heard() -> None:
    sock = await LoopbackSocket.listen()
    sock.connections = Connections(rates=Rates(*[Limit(at_once=50, per_second=1.0)] * 4))
    sock.counters = sock.connections.counters
    leg = BrowserLeg(sock, Media.AUDIO)
    offer = leg.offer({})
    answer = await _answer(offer)
    connecting = asyncio.create_task(leg.connect(answer))
    loop = asyncio.get_running_loop()

    async def read_of_a_flood() -> int:
        """How many of 200 datagrams the program has read."""
        before = sock.counters.refused.total()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.9", 0))
            for _ in range(200):
                other.sendto(b"junk", ("127.0.0.1", sock.port))
        last = -1
        while last != sock.counters.refused.total():
            last = sock.counters.refused.total()
            await asyncio.sleep(0)  # the loop reads one datagram per turn
            await asyncio.sleep(0)
        return last - before

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
            browser.setblocking(False)
            browser.connect(("127.0.0.1", sock.port))

            async def answered() -> None:
                check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
                check.attributes["USERNAME"] = f"{_value(offer, 'ice-ufrag')}:{_value(answer, 'ice-ufrag')}"
                check.attributes["PRIORITY"] = 1
                check.attributes["ICE-CONTROLLED"] = 1
                check.add_message_integrity(_value(offer, "ice-pwd").encode())
                browser.send(bytes(check))
                async with asyncio.timeout(PATIENCE):
                    while (
                        stun.parse_message(await loop.sock_recv(browser, 1500)).transaction_id != check.transaction_id
                    ):
                        pass

            await answered()
            assert await read_of_a_flood() == 200
            assert await read_of_a_flood() < 100
            for _ in range(5):
                await answered()
    finally:
        connecting.cancel()
        await leg.close()
        await asyncio.wait((connecting,))


async def _answer(offer: str) -> str:
    """The answer of a browser that will never connect."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        answer = (await connection.createAnswer()).sdp
    finally:
        await connection.close()
    answer += "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:active\r\n"
    return f"{answer}a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"


def _value(sdp: str, attribute: str) -> str:
    found = re.search(f"a={attribute}:(.*)\r\n", sdp)
    assert found is not None
    return found[1]


def _lan_address() -> str | None:
    """The address of a network card of this machine, or None. Finding it sends no packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
