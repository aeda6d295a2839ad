"""The name systems, as the configuration has them, and what looks names up in them."""

from __future__ import annotations

from shared.config.schema import Config, Names
from shared.names.azero import AzeroId, Network
from shared.names.endings import AZERO, TZERO
from shared.names.ens import Chain, Ens
from shared.names.kept import KeptName
from shared.names.lookup import SystemNames
from shared.names.records import node_records
from shared.names.system import NameSystem
from shared.store import Store, StoreThread


def networks(names: Names) -> list[Network]:
    """Aleph Zero and its test network."""
    azero, tzero = names.azero, names.tzero
    return [
        Network(azero.rpc, azero.genesis, azero.router, _registries(AZERO, azero.registry, azero.registry_a0)),
        Network(tzero.rpc, tzero.genesis, tzero.router, _registries(TZERO, tzero.registry)),
    ]


def _registries(endings: tuple[str, ...], *accounts: str) -> dict[str, str]:
    return dict(zip(endings, accounts, strict=True))


def azero_networks(names: Names) -> list[AzeroId]:
    """The names of both."""
    return [AzeroId(network, seconds=names.server_seconds) for network in networks(names)]


def systems(names: Names) -> list[NameSystem]:
    """All of them. `names` has passed `load`, which checks addresses and accounts."""
    ens = Ens(Chain(names.ens.rpc, names.ens.chain_id, names.ens.registry), seconds=names.server_seconds)
    return [*azero_networks(names), ens]


def system_names(config: Config, store: Store, overlay: str, thread: StoreThread | None = None) -> SystemNames:
    """What looks names up when a call is made over an overlay; a running program gives the thread that it writes in."""

    async def keep(kept: KeptName) -> None:
        assert thread is not None
        await thread.write(lambda store: store.keep_name(kept))

    return SystemNames(systems(config.names), store, records=node_records(overlay), keep=keep if thread else None)
