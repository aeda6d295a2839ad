"""Sets the bot up: logs in, publishes its keys, signs its device, and lets the owner verify it. No terminal in here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import msgspec

from bot.home import Home, HomeLock
from bot.http_answers import AS_IT_IS, NoCookies, Unreadable
from bot.http_answers import read as read_answer
from bot.messengers.matrix import NAME
from bot.messengers.matrix.account_file import (
    MatrixAccount,
    check_user,
    logged_in_account,
    read_account,
    write_account,
)
from bot.messengers.matrix.api import MatrixApi, ServerRefusal, Unreachable
from bot.messengers.matrix.canonical import Json, text
from bot.messengers.matrix.client import Client
from bot.messengers.matrix.keys import PUBLISHED
from bot.messengers.matrix.own_device import ACCOUNT
from bot.messengers.matrix.own_room import OwnRoom
from bot.messengers.matrix.people import OWNER
from bot.messengers.matrix.vault import PREFIX, Vault
from bot.messengers.matrix.verification import VerificationStep
from bot.messengers.matrix.verifying import Verifier
from shared.bounded_http import bounded
from shared.config.checks import web_address
from shared.errors import InputError, StoreError
from shared.names.server import is_near
from shared.not_json import NOT_JSON
from shared.sentences import ended
from shared.store import Store
from shared.store.journal import Journal

DEVICE_NAME = "Copybara Relay"
"This device's name in other apps."

WELL_KNOWN_SECONDS, WELL_KNOWN_BYTES = 10.0, 64 * 1024

MOST_REDIRECTS = 5
"How many redirects are followed to find a domain's homeserver."

KEPT = (f"{PREFIX}{OWNER}", f"{PREFIX}person:", f"{PREFIX}identity")
"The prefixes of the facts that outlive a log-in: they say who people are. All others belong to one device."


@contextlib.asynccontextmanager
async def client_of(home: Home, store: Store, account: MatrixAccount) -> AsyncIterator[tuple[Client, Vault]]:
    """The account's device, for a command that uses the home alone."""
    journal = Journal(store, NAME)
    vault = Vault(journal)

    async def save() -> None:
        journal.set_facts(vault.take_changes())

    client = Client(account, vault, save)
    async with client.open():
        yield client, vault


async def log_in(home: Home, account: MatrixAccount, password: str, *, reset: bool = False) -> MatrixAccount:
    """Log in as a new device, and sign it so that every app gives it keys.

    `account` has the user, the owner, and the server unless it must be found. Returns the account as it is stored now.
    Raises InputError, StoreError, and HomeInUse while copybara runs.
    """
    home.prepare()
    server = account.server or await find_server(account.user)
    _refuse_clear(server)
    with HomeLock(home), Store(home.database) as store, _told():
        journal, api = Journal(store, NAME), MatrixApi(server)
        known = _account_before(home)
        before = "" if reset else _device_of(known, account, journal)
        async with api.open():
            answer = await api.post(
                "/login",
                {
                    "type": "m.login.password",
                    "identifier": {"type": "m.id.user", "user": account.user},
                    "password": password,
                    "initial_device_display_name": DEVICE_NAME,
                    **({"device_id": before} if before else {}),
                },
            )
        account = MatrixAccount(
            check_user(text(answer, "user_id")),
            server,
            text(answer, "device_id", most=255),
            text(answer, "access_token", most=4096),
            account.owner or account.user,
        )
        if known is not None and known.owner != account.owner:
            journal.forget_commands()
        # If the device is the same, it can read what was sent to it while it was logged out. The server may have lost
        # its keys, so they are published again.
        same = bool(before) and account.device == before
        if not same:
            # If a kill interrupts this, the token of one device must never be used with the keys of another.
            write_account(home, MatrixAccount(account.user, server, owner=account.owner))
        lost = (f"{PREFIX}{PUBLISHED}",) if same else (PREFIX,)
        forgotten = [name for name in journal.facts(PREFIX) if name.startswith(lost) and not name.startswith(KEPT)]
        journal.set_facts(dict.fromkeys(forgotten))
        write_account(home, account)
        async with client_of(home, store, account) as (client, _):
            await client.begin()
            await _vouch(client, password, reset=reset)
            await client.save()
    return account


def _refuse_clear(server: str) -> None:
    """Raise InputError if the address is invalid, or if the password would travel unencrypted over a network."""
    if not web_address(server):
        raise InputError(
            f"“{server[:80]}” isn't the address of a homeserver.",
            "One looks like this: https://matrix.example.org.",
        )
    parts = urlsplit(server)
    if parts.scheme != "https" and not is_near(parts.hostname or ""):
        raise InputError(
            f"{parts.hostname} would get the password in clear.",
            "Give the homeserver's https:// address. If it runs in a container, publish its port on this computer "
            "(http://127.0.0.1:8008).",
        )


def _account_before(home: Home) -> MatrixAccount | None:
    try:
        return read_account(home)
    except StoreError:
        return None  # the file is being written again


def _device_of(known: MatrixAccount | None, account: MatrixAccount, journal: Journal) -> str:
    """The id of this home's previous device, if its keys are still here. Otherwise empty."""
    has_keys = journal.fact(f"{PREFIX}{ACCOUNT}") is not None
    return known.device if known is not None and known.user == account.user and has_keys else ""


async def _vouch(client: Client, password: str, *, reset: bool) -> None:
    """Sign this device with the account's identity. Make the identity if the account has none."""
    own, shown = client.own, client.people.of(client.account.user).offered
    if client.account.owner == client.account.user and shown and own.master != shown:
        return  # in the owner's own account, their app signs our device when they verify us
    if shown and own.master != shown and not reset:
        raise InputError(
            f"{client.account.user} has an identity already, and its keys aren't in this home.",
            "Give the bot an account of its own. Or replace that identity: answer reset in `copybara setup matrix`.",
        )
    if not shown or own.master != shown:
        own.make_identity()
        await client.save()
        await _publish_identity(client, password)
    await client.api.post("/keys/signatures/upload", {own.user: {own.device: own.device_keys()}})
    await client.keys.query([own.user])
    client.people.accept(own.user, client.people.of(own.user).offered)


async def _publish_identity(client: Client, password: str) -> None:
    body: Json = client.own.identity_keys()
    try:
        await client.api.post("/keys/device_signing/upload", body)
    except ServerRefusal as refusal:
        session = text(refusal.body, "session")
        if not session:
            raise
        identifier = {"type": "m.id.user", "user": client.account.user}
        auth = {"type": "m.login.password", "identifier": identifier, "password": password, "session": session}
        await client.api.post("/keys/device_signing/upload", {**body, "auth": auth})


class Ceremony:
    """The owner verifies the bot: what the terminal shows, and what it replies."""

    def __init__(self, client: Client, vault: Vault) -> None:
        self._client = client
        self._own_room = OwnRoom(client, vault)
        self._verifier = Verifier(client, client.account.owner)

    async def begin(self) -> None:
        """Wait where the owner can find us. Raises Unreachable, ServerRefusal."""
        client = self._client
        await client.begin()
        if not (client.people.of(client.account.owner).offered):
            raise InputError(
                f"{client.account.owner} has no identity that could be verified.",
                "Set up encryption in the owner's app first: in Element, Settings > Encryption.",
            )
        client.people.compare_again(client.account.owner)
        if client.account.owner != client.account.user:
            await self._own_room.get()
        await client.save()

    async def until_emoji(self) -> tuple[tuple[str, str], ...]:
        """Wait until the owner's app shows emoji, and return ours. Raises InputError, and what requests raise."""
        await self._until(VerificationStep.COMPARING)
        assert self._verifier.current is not None
        return self._verifier.current.emoji

    async def same(self) -> None:
        """Accept: the emoji are the same, and the owner's key counts from now on.

        Raises InputError, Unreachable, ServerRefusal.
        """
        await self._verifier.same()
        await self._until(VerificationStep.DONE)
        current, client = self._verifier.current, self._client
        assert current is not None
        client.people.verified_owner(client.account.owner, current.master)
        await client.save()
        while client.account.owner == client.account.user and not self._vouched_for:
            await self._step()  # now their app signs our device
            await client.keys.query([client.account.user])

    async def differ(self) -> None:
        """Cancel: the emoji differ. Raises Unreachable, ServerRefusal."""
        await self._verifier.cancel()

    @property
    def _vouched_for(self) -> bool:
        own = self._client.own
        return own.device in self._client.people.devices_for(own.user)

    async def _until(self, step: VerificationStep) -> None:
        while self._verifier.current is None or self._verifier.current.step < step:
            await self._step()
        if self._verifier.current.step is not step:
            why = self._verifier.current.why.removeprefix("m.").replace("_", " ")
            raise InputError(f"The verification was ended: {why}.", "Start again: copybara setup matrix")

    async def _step(self) -> None:
        try:
            sync = await self._client.sync(wait=True)
            for room, user in sync.invitations:
                if user == self._client.account.owner != self._client.account.user:
                    await self._client.api.join(room)
            await self._verifier.take(sync)
            await self._client.confirm()
        except Unreachable:
            await asyncio.sleep(1.0)


@contextlib.asynccontextmanager
async def verifying(home: Home) -> AsyncIterator[Ceremony]:
    """The verification of a home's device. Raises InputError, StoreError, and HomeInUse while copybara runs."""
    account = logged_in_account(home)
    with HomeLock(home), Store(home.database) as store, _told():
        async with client_of(home, store, account) as (client, vault):
            ceremony = Ceremony(client, vault)
            await ceremony.begin()
            yield ceremony


async def find_server(user: str) -> str:
    """The address of a user's homeserver (specification, Server discovery). The domain itself if it doesn't say."""
    domain = user.partition(":")[2]
    return await server_told_at(f"https://{domain}/.well-known/matrix/client") or f"https://{domain}"


async def server_told_at(address: str) -> str:
    """The homeserver named by the reply at an address. Empty if there is no such reply.

    Redirects are followed here, because the library would read and unpack the whole body of each.
    """
    begun_secure = address.startswith("https:")
    client = httpx.AsyncClient(
        timeout=WELL_KNOWN_SECONDS,
        trust_env=False,
        follow_redirects=False,
        cookies=NoCookies(),
        headers=AS_IT_IS,
    )
    try:
        async with asyncio.timeout(WELL_KNOWN_SECONDS), bounded(client) as http:
            for _ in range(1 + MOST_REDIRECTS):
                async with http.stream("GET", address) as response:
                    if (there := response.next_request) is None:
                        raw = await read_answer(response, WELL_KNOWN_BYTES)
                        return server_in(raw) if response.status_code == httpx.codes.OK else ""
                    address = str(there.url)
                    if begun_secure and there.url.scheme != "https":
                        return ""  # anybody on the way could name a server that would get the password
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, Unreadable):
        pass
    return ""


def server_in(raw: bytes) -> str:
    """The homeserver's address in such a reply. Empty if there is none."""
    try:
        found = text(msgspec.json.decode(raw), "m.homeserver", "base_url")
    except NOT_JSON:
        return ""
    return found if web_address(found) else ""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the server's refusals into errors for a person."""
    try:
        yield
    except Unreachable as error:
        raise InputError(
            ended(f"The homeserver can't be reached: {error}"),
            "Check its address and your network, and try again: copybara setup matrix",
        ) from None
    except ServerRefusal as refusal:
        raise InputError(
            ended(f"The homeserver refused: {refusal.words or refusal.code}"),
            "Check the user, the password and the server, and try again: copybara setup matrix",
        ) from None
