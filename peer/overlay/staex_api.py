"""The Staex node's HTTP service: `GET /id` and `GET /resolve?node-id=ID`. Each returns a bare JSON string.

For an unknown node, and if the node behind the service doesn't run, it returns status 200 and an empty string. We use
httpx's transport instead of its client. The transport uses no proxy from the environment, follows no redirect, unpacks
nothing and logs nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from peer.overlay.port_owner import refuse_foreign_server
from shared.errors import ConfigError, OverlayDown
from shared.node_id import NodeId
from shared.not_json import NOT_JSON

if TYPE_CHECKING:
    import httpx

DEFAULT_API = "http://127.0.0.1:9377"
"The address of the service in the original Copybara."

MOST_BYTES = 1024
"The longest reply in bytes. The longest valid one, a node id in quotes, has 54."

NOTHING_LISTENS = "doesn't answer: nothing listens there."

START_HINT = "Start the node and its HTTP service, or set the command that asks the node: copybara manual overlays"


class StaexApi:
    """Makes requests to the service at one base address."""

    def __init__(
        self,
        base: str = DEFAULT_API,
        *,
        allow_remote: bool = False,
        users: Sequence[str] = (),
        timeout: float = 5.0,
    ) -> None:
        """`timeout` is in seconds and covers a whole request. `users` may run the service, besides root and ourselves.

        Raises ConfigError if `base` isn't an http(s) address, or isn't on this machine without `allow_remote`.
        """
        self._base = _checked(base, allow_remote=allow_remote)
        self._timeout = timeout
        self._users = users
        self.where = f"The Staex node's API at {self._base}" if _is_loopback(base) else "The Staex node's remote API"

    async def own_id(self) -> str:
        """The node's id as the service wrote it. Empty if the node behind the service doesn't run."""
        return await self._get("/id", {})

    async def resolve(self, node: NodeId) -> str:
        """A node's address on this machine as the service wrote it. Empty if it isn't known."""
        return await self._get("/resolve", {"node-id": str(node)})

    async def _get(self, path: str, query: dict[str, str]) -> str:
        """The string in the service's reply. Raises OverlayDown for any other reply, and without a reply."""
        import httpx

        from shared.bounded_http import bounded_transport

        request = httpx.Request(
            "GET",
            self._base + path,
            params=query,
            headers={"Accept": "application/json"},
            extensions={"trace": self._refuse_foreign_service},
        )
        try:
            # One timeout for the whole request: each byte that drips in restarts the transport's own timeouts.
            async with (
                asyncio.timeout(self._timeout),
                bounded_transport(
                    httpx.AsyncHTTPTransport(verify=self._tls(), trust_env=False, retries=0)
                ) as transport,
            ):
                response = await transport.handle_async_request(request)
                try:
                    self._refuse_status(response.status_code)
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except httpx.ConnectError as error:
            raise OverlayDown(f"{self.where} {NOTHING_LISTENS}", START_HINT) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OverlayDown(f"{self.where} didn't answer within {self._timeout:g} seconds.", START_HINT) from error
        except httpx.TransportError as error:
            raise OverlayDown(f"{self.where} broke off or doesn't speak HTTP.", START_HINT) from error
        return read_string(body, self.where)

    async def _refuse_foreign_service(self, event: str, info: dict[str, Any]) -> None:
        """httpx calls this at each step of a request (its extension `trace`).

        Check the connection before anything is written.
        """
        if event == "connection.connect_tcp.complete" and _is_loopback(self._base):
            stream = info["return_value"]
            try:
                connection = stream.get_extra_info("socket")
                await refuse_foreign_server(connection, users=self._users, where=f"What listens at {self._base}")
            except BaseException:
                # httpx doesn't own the stream yet, so it wouldn't close it.
                await stream.aclose()
                raise

    def _tls(self) -> ssl.SSLContext:
        """The usual verification.

        For plain HTTP an empty context, because loading all authorities is slower than the request.
        """
        if self._base.startswith("https:"):
            return ssl.create_default_context()
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _refuse_status(self, status: int) -> None:
        if 300 <= status <= 399:
            raise OverlayDown(f"{self.where} redirects to another address (status {status}); that isn't followed.")
        if status != 200:
            raise OverlayDown(f"{self.where} answered with status {status}.")

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                raise OverlayDown(f"{self.where} answered with more than {MOST_BYTES} bytes.")
        return bytes(body)


def read_string(body: bytes, where: str) -> str:
    """The string in a reply. Raises OverlayDown for anything else."""
    try:
        return msgspec.json.decode(body, type=str)
    except NOT_JSON as error:
        raise OverlayDown(f"{where} answered with something that isn't a JSON string.") from error


def _checked(base: str, *, allow_remote: bool) -> str:
    parts = _split(base)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("The Staex API's address must look like http://127.0.0.1:9377.", key="staex.api")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("The Staex API's address must be without user, query and #.", key="staex.api")
    if not allow_remote and not _is_loopback(base):
        raise ConfigError(
            "The Staex API's address isn't on this machine.",
            "Anyone who answers there decides where calls go. If you trust it, set `allow_remote_api = true` "
            "under [staex] of copybara.toml.",
            key="staex.api",
        )
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _split(base: str) -> SplitResult | None:
    """The parts of the address. None if it is invalid, or its port is."""
    if not base.isascii() or not base.isprintable() or " " in base:
        return None
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _is_loopback(base: str) -> bool:
    """Whether the address is literally this machine's.

    `localhost` is the only name that counts: names may be looked up.
    """
    parts = _split(base)
    host = parts.hostname if parts else None
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
