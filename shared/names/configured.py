"""The name systems, as the configuration has them."""

from __future__ import annotations

from shared.config.schema import Names
from shared.names.azero import AzeroId, Network
from shared.names.ens import Chain, Ens
from shared.names.system import NameSystem


def networks(names: Names) -> list[Network]:
    """Aleph Zero and its test network."""
    azero, tzero = names.azero, names.tzero
    return [
        Network(azero.rpc, azero.genesis, azero.router, {"azero": azero.registry, "a0": azero.registry_a0}),
        Network(tzero.rpc, tzero.genesis, tzero.router, {"tzero": tzero.registry}),
    ]


def azero_networks(names: Names) -> list[AzeroId]:
    """The names of both."""
    return [AzeroId(network, seconds=names.server_seconds) for network in networks(names)]


def systems(names: Names) -> list[NameSystem]:
    """All of them. `names` has passed `load`, which checks addresses and accounts."""
    ens = Ens(Chain(names.ens.rpc, names.ens.chain_id, names.ens.registry), seconds=names.server_seconds)
    return [*azero_networks(names), ens]
