"""The owner's phone as handset: a real program on the loopback overlay, phones at other addresses of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.assistant import moving
from peer.handset.devices.authority import Authority
from peer.handset.protocol import CLOSE_UNPROVEN
from shared.node_id import NodeId
from tests.bot.console import SECONDS, Person, hang_up, people
from tests.bot.phone import Phone, has_cookie, trusting
from tests.bot.test_locked_database import locked
from tests.bot.test_rejoin import killed
from tests.peer.handset.wire import wire_page

PHONE, OTHER = "127.90.0.1", "127.90.0.2"

AT_THE_PAGE = '[answer]\nendpoint = "handset"\n[handset]\nport = 0\ndevice_port = 0\n'


@asynccontextmanager
async def anna_alone(folder: Path) -> AsyncIterator[Person]:
    async with people(folder, "anna", config=AT_THE_PAGE) as (anna,):
        yield anna


async def invited(anna: Person, command: str = "/devices add phone") -> str:
    """The one-time address for a phone."""
    said = await anna.asked(command, kind="device.pairing")
    found = re.search(r"https://\S+", said)
    assert found
    return found[0]


def of_anna(anna: Person) -> ssl.SSLContext:
    with anna.store() as store:
        kept = store.device_authority()
    assert kept is not None
    return trusting(Authority.of_pem(kept).to_install())


async def paired(anna: Person, at: str = PHONE, name: str = "phone") -> Phone:
    """A phone that is one of Anna's devices, with its page closed."""
    phone = Phone(at, await invited(anna, f"/devices add {name} {at}"), of_anna(anna))
    async with phone.pairing() as (sock, meeting, first):
        assert first is not None
        await anna.told(first["code"], kind="device.waits")
        await anna.asked(f"/devices confirm {first['code']}", kind="device.added")
        assert (await phone.becomes_a_device(sock, meeting))["type"] == "hello"
    return phone


async def refuses(host: str, port: int) -> bool:
    """Wait until nothing listens there any more."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                async with asyncio.timeout(2):
                    _, writer = await asyncio.open_connection(host, port, local_addr=(PHONE, 0))
                    writer.close()
            except ConnectionRefusedError:
                return True
            except (TimeoutError, ConnectionResetError):  # it closed meanwhile
                continue


async def test_a_phone_becomes_a_device_once_its_owner_has_seen_the_same_code_on_both_sides(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone = Phone(PHONE, await invited(anna), of_anna(anna))
        async with phone.pairing() as (sock, meeting, first):
            assert first is not None
            assert first["type"] == "pairing-code"
            assert first["name"] == "phone"
            assert re.fullmatch("[0-9]{6}", first["code"])
            said = await anna.told(kind="device.waits")
            assert PHONE in said
            assert first["code"] in said
            wrong = f"{(int(first['code']) + 1) % 1_000_000:06d}"
            await anna.asked(f"/devices confirm {wrong}", kind="error.no-pairing")
            assert (await anna.status())["devices"] == []
            await anna.asked(f"/devices confirm {first['code'][:3]} {first['code'][3:]}", kind="device.added")
            hello = await phone.becomes_a_device(sock, meeting)
            assert hello["node"] == anna.node
            (device,) = (await anna.status())["devices"]
            assert (device["name"], device["address"], device["connected"]) == ("phone", PHONE, True)
        async with phone.page() as (_, first):
            assert first is not None
            assert first["type"] == "hello"
        assert "phone: 127.90.0.1" in await anna.asked("/devices", kind="device.list")


async def test_without_devices_nothing_listens_and_a_stranger_gets_no_answer_while_there_are_some(
    tmp_path: Path,
) -> None:
    async with anna_alone(tmp_path) as anna:
        phone = await paired(anna)
        host, port = phone.host.split(":")
        assert (await phone.get("/"))[0] == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.open_connection(host, int(port), local_addr=(OTHER, 0))
        await anna.asked("/devices remove phone", kind="device.removed")
        assert await refuses(host, int(port))


async def test_a_removed_phone_is_out_at_once_and_its_open_page_ends(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone, tablet = await paired(anna), await paired(anna, OTHER, "tablet")
        async with phone.page() as (sock, first), tablet.page() as (kept, other):
            assert first is not None
            assert other is not None
            await anna.asked("/devices remove Phone", kind="device.removed")
            assert await phone.until_closed(sock) in (CLOSE_UNPROVEN, 1006, None)
            await kept.send_json({"type": "explain", "id": 1, "text": "x"})
            assert (await tablet.next(kept, "explained", "problem"))["type"]
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(1.5):
                await phone.get("/")
        assert [each["name"] for each in (await anna.status())["devices"]] == ["tablet"]


async def test_a_phone_is_out_at_once_also_while_another_process_has_the_database(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone, tablet = await paired(anna), await paired(anna, OTHER, "tablet")
        async with phone.page() as (sock, first), tablet.page() as (kept, other):
            assert first is not None
            assert other is not None
            with locked(anna):
                anna.write("/devices remove phone")
                # Before the database is free, or nobody waits for it any more.
                assert await phone.until_closed(sock) in (CLOSE_UNPROVEN, 1006, None)
                said = await anna.told("phone is locked out", kind="error.store")
                assert "its key is still on the disk" in said
                assert [each["name"] for each in (await anna.status())["devices"]] == ["tablet"]
                with pytest.raises((TimeoutError, aiohttp.ClientError)):
                    async with asyncio.timeout(1.5):
                        await phone.get("/")
                await kept.send_json({"type": "explain", "id": 1, "text": "x"})
                assert (await tablet.next(kept, "explained", "problem"))["type"]
                await anna.asked("/devices add phone", kind="error.input")
            assert "is erased now" in await anna.told(kind="device.removed")
        with anna.store() as store:
            assert [each.name for each in store.devices()] == ["tablet"]
        await anna.asked("/devices remove phone", kind="error.no-device")


async def test_a_removed_phone_stays_out_after_a_kill_before_its_key_could_be_erased(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone, _ = await paired(anna), await paired(anna, OTHER, "tablet")
        with locked(anna):
            anna.write("/devices remove phone")
            said = await anna.told("phone is locked out", kind="error.store")
            assert "Don't stop me" not in said
            await killed(anna)
        with anna.store() as store:
            assert [each.name for each in store.devices()] == ["phone", "tablet"]
        await anna.begin()
        assert [each["name"] for each in (await anna.status())["devices"]] == ["tablet"]
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(1.5):
                await phone.get("/")
        assert "is erased now" in await anna.told("phone", kind="device.removed")
        with anna.store() as store:
            assert [each.name for each in store.devices()] == ["tablet"]


async def test_a_call_that_a_phone_begins_is_at_no_other_page_for_any_moment(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, _):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _), phone.page() as (sock, _):
            for wanted in ({"type": "place", "whom": "bob"}, {"type": "place-echo"}):
                await sock.send_json({**wanted, "id": 1, "media": "audio"})
                heard: list[dict[str, Any]] = []
                async with asyncio.timeout(SECONDS):
                    while not any(said["type"] == "call" for said in heard):
                        heard.append(await home._next())
                call = heard[-1]
                assert (call["state"], call["handset"], call["elsewhere"]) == ("calling", False, "phone")
                await sock.send_json({"type": "hang-up", "call": call["id"]})
                await home.next("call", state="ended", id=call["id"])


@pytest.mark.parametrize("removed", [False, True])
async def test_a_call_that_a_phone_asks_for_before_it_drops_its_connection_opens_nothing_at_home(
    friends: Path, tmp_path: Path, removed: bool
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        phone = await paired(anna)
        async with wire_page(anna) as (home, _):
            async with phone.page() as (sock, hello):
                assert hello is not None
                assert sock._response.connection is not None
                assert sock._response.connection.transport is not None
                await sock.send_json({"type": "place", "id": 1, "whom": "bob", "media": "audio"})
                sock._response.connection.transport.abort()  # as if it loses its network
            heard: list[dict[str, Any]] = []
            last = "ended" if removed else "active"
            async with asyncio.timeout(SECONDS):
                while not heard or heard[-1].get("state") != last:
                    heard.append(await home._next())
                    if heard[-1]["type"] == "link":
                        if removed:
                            await anna.asked("/devices remove phone", kind="device.removed")
                        bob.write(heard[-1]["link"]["text"], sender="anna")
            assert not [said for said in heard if said["type"] == "offer" or said.get("handset")]


async def test_a_phone_allows_nobody_automatic_answers_and_the_chat_hears_what_it_changes(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        phone = await paired(anna)
        async with phone.page() as (sock, _), wire_page(anna) as (home, _):
            who = {"name": "bob", "node": bob.node}

            async def asks(**wants: Any) -> dict[str, Any]:
                await sock.send_json({"type": "set-trust", "id": 1, **who, **wants})
                return await phone.next(sock, "done", "problem")

            for more in ({"trust": "auto"}, {"trust": "auto", "files": True}, {"files": True}):
                assert "allowed at home only" in (await asks(**more))["sentence"]
            assert (await asks(media="audio"))["type"] == "done"
            assert "bob" in await anna.told("On phone: bob", kind="device.changed-book")
            # The page at home shows it until somebody there has seen it, also a page that is opened later.
            (change,) = (await home.next("changed-elsewhere"))["changes"]
            assert change.startswith("On phone: bob")
            await home.say("seen-changes")
            assert (await home.next("changed-elsewhere"))["changes"] == []
            assert (await home.ask("set-trust", **who, trust="auto"))["type"] == "done"
            assert "allowed at home only" in (await asks(media="video"))["sentence"]
            assert (await asks(trust="auto"))["type"] == "done", "it is no more than before"
            await anna.told("On phone: bob", kind="device.changed-book")
            assert (await asks(trust="ring"))["type"] == "done"
            await anna.told("On phone: bob's calls will ring", kind="device.changed-book")
            await sock.send_json({"type": "rename-contact", "id": 2, **who, "new_name": "anne"})
            await anna.told("On phone: bob is now called anne", kind="device.changed-book")
            await sock.send_json({"type": "set-name", "id": 3, "name": "Anna Banana"})
            await anna.told("On phone: Your card now says Anna Banana", kind="device.changed-book")


async def test_a_new_node_id_that_a_phone_accepts_is_told_at_home(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        phone = await paired(anna)
        async with phone.page() as (sock, _), wire_page(anna) as (home, _):
            with bob.store() as store:
                _, token = moving.notice(store, "anna", NodeId(b"n" * 32))
            await sock.send_json({"type": "act", "id": 1, "text": token})
            assert (await phone.next(sock, "done", "problem"))["type"] == "done"
            await anna.told("On phone: bob's node id is now", kind="device.changed-book")
            (change,) = (await home.next("changed-elsewhere"))["changes"]
            assert change.startswith("On phone: bob's node id is now")


async def test_words_that_a_phone_says_differ_are_told_at_home(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        phone = await paired(anna)
        async with phone.page() as (sock, _), wire_page(anna) as (home, _):
            bob.write("/call anna audio")
            ringing = await home.next("ring")
            await sock.send_json({"type": "answer", "call": ringing["call"], "media": "audio"})
            await home.next("call", state="active", id=ringing["call"])
            await sock.send_json({"type": "hang-up", "call": ringing["call"], "words_differ": True})
            await anna.told("On phone: The words of the call with bob differ", kind="device.changed-book")
            (change,) = (await home.next("changed-elsewhere"))["changes"]
            assert change.startswith("On phone: The words")


async def test_words_that_a_phone_confirms_open_no_microphone_at_home(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        await anna.asked("/contact trust bob", kind="contact.trusted")
        await bob.asked("/contact remove anna", kind="contact.removed")
        phone = await paired(anna)
        async with wire_page(anna) as (home, _):
            async with phone.page() as (sock, _):
                bob.write(f"/call {anna.node}")
                ringing = await home.next("ring")
                await sock.send_json({"type": "answer", "call": ringing["call"], "media": "audio"})
                said = await bob.told(kind="call.words")
                await anna.told(kind="call.words")
                words = said.partition(": ")[2].splitlines()[0]
                await sock.send_json({"type": "confirm-words", "id": 1, "call": ringing["call"], "words": words})
                await anna.told("On phone: Confirmed bob", kind="device.changed-book")
                await bob.asked("/contact add anna", kind="contact.saved")
                await hang_up(bob, anna)
                bob.write("/call anna audio")
                while not (call := await phone.next(sock, "call"))["phrase"] or call["id"] == ringing["call"]:
                    pass
                again = {"type": "confirm-words", "id": 2, "call": call["id"], "words": call["phrase"]}
                await sock.send_json(again)
                assert (await phone.next(sock, "done", "problem"))["type"] == "done"
                await home.next("call", state="active", id=call["id"])
                await hang_up(bob, anna)
                await home.next("call", state="ended", id=call["id"])
            await anna.asked("/devices remove phone", kind="device.removed")
            bob.write("/call anna audio")
            call = await home.next("call", state="active", automatic=True, handset=True)
            assert call["begins_off"]


async def test_words_of_a_stranger_that_a_phone_confirms_count_as_not_compared_at_home(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", configs={"anna": AT_THE_PAGE}) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _):
            async with phone.page() as (sock, _):
                bob.write(f"/call {anna.node} audio")
                ringing = await home.next("ring")
                await sock.send_json({"type": "answer", "call": ringing["call"], "media": "audio"})
                words = (await anna.told(kind="call.words")).partition(": ")[2].splitlines()[0]
                await sock.send_json({"type": "confirm-words", "id": 1, "call": ringing["call"], "words": words})
                assert "still count as not compared" in (await phone.next(sock, "done", "problem"))["sentence"]
                await bob.asked("/contact add anna", kind="contact.saved")
                await hang_up(bob, anna)
            await anna.asked("/devices remove phone", kind="device.removed")
        async with wire_page(anna) as (home, hello):
            (entry,) = hello["log"]
            assert not entry["compared"]
            saved = await home.ask("add-contact", name="carl", whom=entry["node"], reference=entry["reference"])
            assert "Compare the four words in your next call" in saved["sentence"]


async def test_a_call_at_a_phone_that_is_removed_ends_and_comes_to_no_page_at_home(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, configs={"anna": AT_THE_PAGE}) as (anna, bob):
        phone = await paired(anna)
        async with phone.page() as (sock, _), wire_page(anna) as (home, _):
            bob.write("/call anna audio")
            ringing = await home.next("ring")
            await sock.send_json({"type": "answer", "call": ringing["call"], "media": "audio"})
            await phone.next(sock, "offer")
            await anna.call("active")
            assert "calls included" in await anna.asked("/devices remove phone", kind="device.removed")
            assert (await bob.call("ended"))["reason"] == "remote-hung-up"
            while (heard := await home._next()).get("state") != "ended":
                assert heard["type"] != "offer"
                assert not heard.get("handset")


async def test_a_device_needs_its_address_its_cookie_and_its_key(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone, tablet = await paired(anna), await paired(anna, OTHER, "tablet")
        own = dict(phone.cookies)
        assert has_cookie(phone)

        async def comes_in(one: Phone) -> bool:
            async with one.page() as (_, first):
                return first is not None

        assert await comes_in(phone)
        phone.cookies = {}
        assert not await comes_in(phone)
        phone.cookies = dict(tablet.cookies)
        assert not await comes_in(phone)
        # A visit without the cookie, as from a link on another page, does the device no harm.
        phone.cookies = {}
        assert (await phone.get("/"))[0] == 200
        assert not has_cookie(phone)
        # Key and cookie at another device's address.
        thief = Phone(OTHER, f"{phone.origin}/#", of_anna(anna))
        thief.key, thief.cookies = phone.key, own
        assert not await comes_in(thief)
        phone.cookies, key = own, phone.key
        phone.key = bytes(32)
        async with phone.socket() as sock:
            await sock.send_json({"type": "prove", "key": "home", "nonce": "A" * 43 + "="})
            await sock.receive_json()
            await sock.send_json({"type": "page-proof", "proof": "A" * 43 + "="})
            assert await phone.until_closed(sock) == CLOSE_UNPROVEN
        phone.key = key
        assert await comes_in(phone)


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8765"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_requests_of_other_pages_are_refused_as_on_loopback(tmp_path: Path, changed: dict[str, str]) -> None:
    async with anna_alone(tmp_path) as anna:
        phone = await paired(anna)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with phone.socket(**changed):
                pass
        assert refused.value.status in (403, 421)


async def test_a_pairing_is_for_the_address_that_its_owner_named_and_works_once(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        address = await invited(anna, f"/devices add phone {PHONE}")
        stranger = Phone(OTHER, address, of_anna(anna))
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(1.5):
                await stranger.get("/")
        phone = Phone(PHONE, address, of_anna(anna))
        async with phone.pairing() as (sock, meeting, first):
            assert first is not None
            await anna.asked(f"/devices confirm {first['code']}", kind="device.added")
            await phone.becomes_a_device(sock, meeting)
        async with phone.pairing() as (_, _, again):
            assert again is None


async def test_the_first_that_proves_the_secret_closes_the_door_and_the_owner_can_refuse_it(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        address = await invited(anna)
        thief, phone = Phone(OTHER, address, of_anna(anna)), Phone(PHONE, address, of_anna(anna))
        assert (await phone.get("/"))[0] == 200
        async with thief.pairing() as (sock, _, first):
            assert first is not None
            await anna.told(first["code"], kind="device.waits")
            with pytest.raises((TimeoutError, aiohttp.ClientError)):
                async with asyncio.timeout(1.5):
                    await phone.get("/")
            await anna.asked("/devices cancel", kind="device.cancelled")
            assert await thief.until_closed(sock) in (CLOSE_UNPROVEN, 1006, None)
        assert (await anna.status())["devices"] == []


async def test_without_the_secret_nobody_becomes_a_visitor(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        address = await invited(anna)
        stranger = Phone(OTHER, address, of_anna(anna))
        await stranger.get("/")
        async with stranger.socket() as sock:
            await sock.send_json({"type": "prove", "key": "pairing", "nonce": "A" * 43 + "="})
            await sock.receive_json()
            await sock.send_json({"type": "page-proof", "proof": "A" * 43 + "="})
            assert await stranger.until_closed(sock) == CLOSE_UNPROVEN
        for kind in ("run", "ticket", "home"):
            async with stranger.socket() as sock:
                await sock.send_json({"type": "prove", "key": kind, "nonce": "A" * 43 + "="})
                assert await stranger.until_closed(sock) == CLOSE_UNPROVEN
        assert not [each for each in anna.said if each.get("kind") == "device.waits"]


async def test_a_call_rings_on_the_page_and_on_the_phone_and_the_one_that_answers_has_it(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _), phone.page() as (sock, first):
            assert first is not None
            bob.write(f"/call {anna.node}")
            ringing = await home.next("ring")
            assert (await phone.next(sock, "ring"))["call"] == ringing["call"]
            await sock.send_json({"type": "answer", "call": ringing["call"], "media": "audio"})
            offer = await phone.next(sock, "offer")
            assert f"{phone.host.split(':')[0]} " in offer["sdp"]
            assert "127.0.0.1" not in offer["sdp"]
            assert offer["sdp"].count("a=candidate") == 1
            there = await home.next("call", elsewhere="phone")
            assert not there["handset"]
            await home.say("take-here", call=ringing["call"])
            assert (await home.next("offer"))["call"] == ringing["call"]
            while (moved := await phone.next(sock, "call"))["elsewhere"] != "the computer at home":
                pass
            assert not moved["handset"]
            await sock.send_json({"type": "hang-up", "call": ringing["call"]})
            assert (await home.next("call", state="ended"))["id"] == ringing["call"]


@pytest.mark.parametrize("asks", ["place", "answer", "merge", "resume", "place-echo"])
async def test_what_a_page_asks_for_and_is_refused_moves_no_call_there(tmp_path: Path, asks: str) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _), phone.page() as (sock, first):
            assert first is not None
            bob.write(f"/call {anna.node}")
            ringing = await home.next("ring")
            await home.say("answer", call=ringing["call"], media="video")
            await home.next("offer")
            await anna.call("active")
            wants = {"type": asks, "id": 7, "media": "video", "call": ringing["call"], "whom": str(NodeId(b"x" * 32))}
            fields = {
                "place": ("whom", "media"),
                "answer": ("call", "media"),
                "resume": ("call",),
                "place-echo": ("media",),
            }
            kept = ("type", "id", *fields.get(asks, ()))
            await sock.send_json({name: wants[name] for name in kept})
            while (news := await phone.next(sock, "call", "offer", "problem"))["type"] != "problem":
                assert news["type"] == "call"
            await sock.send_json({"type": "explain", "id": 8, "text": "nothing"})
            while (news := await phone.next(sock))["type"] not in ("explained", "problem"):
                assert not news.get("handset"), "the call is at home"
            home.heard.clear()
            await home.ask("explain", text="nothing")
            assert not [each for each in home.heard if each.get("elsewhere") is not None]


async def test_a_phone_that_wakes_up_while_the_page_at_home_is_loaded_again_gets_no_call(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _):
            bob.write(f"/call {anna.node}")
            ringing = await home.next("ring")
            await home.say("answer", call=ringing["call"], media="video")
            await home.next("offer")
            await anna.call("active")
        async with phone.page() as (sock, first):
            assert first is not None
            (call,) = first["calls"]
            assert (call["handset"], call["elsewhere"]) == (False, "")
            async with wire_page(anna) as (home, hello):
                (call,) = hello["calls"]
                assert (call["handset"], call["elsewhere"]) == (True, None)
                await home.next("offer")
                while (news := await phone.next(sock, "call", "offer")).get("elsewhere") != "the computer at home":
                    assert news["type"] == "call", "nobody has pressed anything at the phone"


async def kept_at(anna: Person, place: str) -> None:
    """Wait until it is stored that sound and picture are at that place."""
    async with asyncio.timeout(SECONDS):
        while True:
            with anna.store() as store:
                if store.home_fact("page.place") == place.encode():
                    return
            await anna.status()


@pytest.mark.parametrize("at", ["home", "phone"])
async def test_after_a_kill_sound_and_picture_wait_for_the_place_that_had_them(tmp_path: Path, at: str) -> None:
    """Both pages come back on their own, in any order."""
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _), phone.page() as (sock, _):
            bob.write(f"/call {anna.node}")
            ringing = await home.next("ring")
            await home.say("answer", call=ringing["call"], media="video")
            await home.next("offer")
            await anna.call("active")
            if at == "phone":
                await sock.send_json({"type": "take-here", "call": ringing["call"]})
                await home.next("call", elsewhere="phone")
            await kept_at(anna, PHONE if at == "phone" else "")
            anna.process.send_signal(signal.SIGKILL)
            await anna.gone()
        await anna.begin()
        again = Phone(OTHER, await invited(anna, f"/devices add tablet {OTHER}"), of_anna(anna))
        phone.origin, phone.host = again.origin, again.host
        await anna.call("active")
        if at == "phone":
            async with wire_page(anna) as (_, hello), phone.page() as (_, first):
                assert first is not None
                assert [call["handset"] for call in (*hello["calls"], *first["calls"])] == [False, True]
        else:
            async with phone.page() as (_, first), wire_page(anna) as (_, hello):
                assert first is not None
                assert [call["handset"] for call in (*first["calls"], *hello["calls"])] == [False, True]


async def test_the_chat_says_where_to_answer_a_call_that_rings(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        bob.write(f"/call {anna.node}")
        said = await anna.told(kind="call.stranger-rings")
        assert "To answer on phone, open its page there" in said
        assert phone.host not in said, "a stranger can make this message come"
        bob.write("/hangup")
        await bob.call("ended")
        await anna.asked("/decline", kind="call.ended")
        async with phone.page() as (sock, _):
            bob.write(f"/call {anna.node}")
            said = await anna.told(kind="call.stranger-rings")
            assert "It also rings on phone." in said
            assert phone.host not in said
            await phone.next(sock, "ring")


async def shown(phone: Phone, at: str) -> bytes | None:
    """The certificate of the server."""
    host, port = phone.host.split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=phone.trusts, local_addr=(at, 0))
    with contextlib.closing(writer):
        certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return certificate


async def test_a_restart_shows_devices_the_same_certificate(tmp_path: Path) -> None:
    """So the browser's warning never becomes something usual."""
    async with anna_alone(tmp_path) as anna:
        before = await shown(await paired(anna), PHONE)
        await anna.stop()
        await anna.begin()
        again = Phone(OTHER, await invited(anna, f"/devices add tablet {OTHER}"), of_anna(anna))
        assert await shown(again, OTHER) == before


async def test_a_damaged_authority_costs_the_devices_that_trust_it_and_nothing_else(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        await paired(anna)
        await anna.stop()
        with anna.store() as store:
            kept = store.device_authority()
            assert kept is not None
            store.set_home_fact("devices.authority", kept.replace(b"A", b"B"))
        await anna.begin()
        await paired(anna, OTHER, "tablet")
        assert [each["name"] for each in (await anna.status())["devices"]] == ["tablet"]


async def test_status_lists_devices_and_when_they_were_seen_last(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        phone = await paired(anna)
        added = (await anna.status())["devices"][0]["seen"]
        async with phone.page() as (_, first):
            assert first is not None
            assert f"device  phone: {PHONE}, connected now" in (await anna.cli("status"))[1]
        async with asyncio.timeout(SECONDS):
            while (listed := (await anna.status())["devices"][0])["connected"] or listed["seen"] < added:
                pass
        assert f"device phone: {PHONE}, last seen 20" in " ".join((await anna.cli("status"))[1].split())


async def test_the_page_at_home_adds_lists_and_removes_devices_and_a_devices_own_page_does_not(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna, wire_page(anna) as (home, hello):
        assert hello["devices"] == {"type": "devices", "devices": [], "can_change": True, "lan": False, "adding": None}
        assert (await home.ask("add-device", name="phone", where=PHONE))["type"] == "done"
        while (adding := (await home.next("devices"))["adding"]) is None:
            pass
        assert adding["link"]["qr"].startswith("data:image/svg+xml")
        phone = Phone(PHONE, adding["link"]["text"], of_anna(anna))
        async with phone.pairing() as (sock, meeting, first):
            assert first is not None
            while (waits := (await home.next("devices"))["adding"])["code"] is None:
                pass
            assert (waits["visitor"], waits["code"]) == (PHONE, first["code"])
            assert (await home.ask("confirm-device", code=first["code"]))["kind"] == "device.added"
            shown = (await phone.becomes_a_device(sock, meeting))["devices"]
            assert (shown["can_change"], shown["devices"][0]["here"]) == (False, True)
            # The one-time address of the next device is only for the page at home, and so are changes.
            await home.ask("add-device", name="tablet")
            for message in ({"type": "add-device", "name": "mine"}, {"type": "remove-device", "name": "phone"}):
                await sock.send_json({**message, "id": 1})
                refused = await phone.next(sock, "problem", "devices")
                assert refused["type"] == "problem" or refused["adding"] is None
            assert [each["name"] for each in (await anna.status())["devices"]] == ["phone"]
            assert (await home.ask("cancel-device"))["kind"] == "device.cancelled"
            assert (await home.ask("remove-device", name="phone"))["kind"] == "device.removed"
            assert await phone.until_closed(sock) in (CLOSE_UNPROVEN, 1006, None)
        while (await home.next("devices"))["devices"]:
            pass


async def test_declining_on_the_phone_declines_everywhere(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna, bob):
        phone = await paired(anna)
        async with wire_page(anna) as (home, _), phone.page() as (sock, first):
            assert first is not None
            bob.write(f"/call {anna.node}")
            ringing = await phone.next(sock, "ring")
            await sock.send_json({"type": "decline", "call": ringing["call"]})
            assert (await home.next("call", id=ringing["call"], state="ended"))["kind"] == "call.ended"


async def test_the_fingerprints_to_compare_come_from_home_and_not_from_the_page_under_check(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        said = await anna.asked(f"/devices add phone {PHONE}", kind="device.pairing")
        _, output, _ = await anna.cli("devices", "add", "phone", PHONE, "--json")
        pairing: dict[str, Any] = json.loads(output)
        phone = Phone(PHONE, pairing["address"], of_anna(anna))
        shown = pairing["certificate"], pairing["fingerprint"]
        assert all(fingerprint in said for fingerprint in shown)
        host, port = phone.host.split(":")
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, int(port), local_addr=(PHONE, 0), ssl=unchecked)
        try:
            # The values that the browser shows with its warning.
            leaf = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.close()
        assert hashlib.sha256(leaf).digest().hex(":").upper() == pairing["certificate"]
        async with phone.pairing() as (_, _, first):
            assert first is not None
            assert set(first) == {"type", "name", "code"}


async def test_the_command_line_adds_lists_and_removes_devices(tmp_path: Path) -> None:
    async with anna_alone(tmp_path) as anna:
        code, output, _ = await anna.cli("devices", "add", "phone", PHONE, "--json")
        assert code == 0
        pairing: dict[str, Any] = json.loads(output)
        assert (pairing["name"], pairing["code"], pairing["open_to_all"]) == ("phone", None, False)
        phone = Phone(PHONE, pairing["address"], of_anna(anna))
        async with phone.pairing() as (sock, meeting, first):
            assert first is not None
            for path, kind in (
                ("crt", "application/x-x509-ca-cert"),
                ("mobileconfig", "application/x-apple-aspen-config"),
            ):
                async with phone.http() as http, http.get(f"{phone.origin}/authority.{path}") as answer:
                    assert (answer.status, answer.content_type) == (200, kind)
            assert (await anna.cli("devices", "confirm", first["code"]))[0] == 0
            await phone.becomes_a_device(sock, meeting)
        _, output, _ = await anna.cli("devices", "--json")
        (listed,) = json.loads(output)
        assert (listed["name"], listed["address"]) == ("phone", PHONE)
        assert (await anna.cli("devices", "remove", "phone"))[0] == 0
        code, output, _ = await anna.cli("devices", "add", "phone")
        assert code == 0
        assert "https://127." in output
        assert (await anna.cli("devices", "cancel"))[0] == 0
        code, _, errors = await anna.cli("devices", "remove", "phone")
        assert code == 1
        assert "There is no device of that name." in errors
