"""Names of aioice and aiortc that they promise nothing about and that we use all the same.

Their next release may drop any of them. This test then says which, before a call does in a stranger way. What is in
the list is used in peer/transport/ice.py and peer/transport/ortc.py only.
"""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path

import aioice.ice
import aioice.stun
import aiortc.rtcsctptransport
import pytest
from aioice import Connection
from aioice.ice import CandidatePair, StunProtocol
from aiortc import RTCCertificate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtcsctptransport import RTCSctpTransport

from peer.overlay.loopback import loopback_address
from peer.transport.ice import host_candidate
from tests.peer.pair import ANNA

PEER = Path(__file__).parents[3] / "peer"
OUR_FILES = [PEER / "transport" / "ice.py", PEER / "transport" / "ortc.py"]

MODULES = {
    aioice.ice: ["ICE_COMPLETED", "ICE_FAILED", "CandidatePair", "ConnectionEvent", "StunProtocol"],
    aioice.stun: ["parse_message", "Transaction"],
    aiortc.rtcsctptransport: ["SCTP_RTO_MIN", "Chunk", "DataChunk", "InitChunk", "SackChunk", "serialize_packet"],
}

PRIVATE = {
    Connection: [
        "_add_remote_candidate",
        "_check_list",
        "_check_list_done",
        "_check_list_state",
        "_closing",
        "_early_checks",
        "_early_checks_done",
        "_local_candidates",
        "_nominated",
        "_protocols",
        "_query_consent_task",
        "_queue",
        "_remote_candidates",
        "_valid_username",
        # Without an underscore and without documentation.
        "check_incoming",
        "check_start_task",
        "data_received",
        "protocol_lost",
        "query_consent",
        "request_received",
    ],
    StunProtocol: ["close", "connection_lost", "request", "send_data", "send_stun", "transactions"],
    CandidatePair: ["remote_addr", "state", "task"],
    RTCIceGatherer: ["_connection"],
    RTCIceTransport: ["_recv", "_send"],
    RTCDtlsTransport: [
        "_handle_rtcp_data",
        "_handle_rtp_data",
        "_rtp_router",
        "_send_data",
        "_send_rtp",
        "_set_role",
        "_set_state",
        "_ssl",
        "_task",
        "_validate_peer_identity",
        "_write_ssl",
    ],
    RTCSctpTransport: [
        "_advertised_rwnd",
        "_data_channel_queue",
        "_handle_data",
        "_outbound_queue",
        "_receive_data_chunk",
        "_receive_sack_chunk",
        "_rto",
        "_sack_misordered",
        "_send_chunk",
        "_sent_queue",
        "_t1_expired",
        "_t1_failures",
        "_t3_cancel",
        "_t3_expired",
        "_t3_handle",
    ],
    RTCRtpReceiver: [
        "_RTCRtpReceiver__decoder_queue",
        "_handle_disconnect",
        "_handle_rtcp_packet",
        "_set_rtcp_ssrc",
        "_track",
    ],
    RemoteStreamTrack: ["_queue"],
}


def one_of_each() -> dict[type, object]:
    """The libraries' own objects, put together as for a call. No socket is opened."""
    connection = Connection(ice_controlling=True)
    protocol = StunProtocol(connection)
    candidate = protocol.local_candidate = host_candidate(loopback_address(ANNA), 1)
    gatherer = RTCIceGatherer(iceServers=[])
    transport = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(transport, [RTCCertificate.generateCertificate()])
    made = [
        connection,
        protocol,
        CandidatePair(protocol, candidate),
        gatherer,
        transport,
        dtls,
        RTCSctpTransport(dtls),
        RTCRtpReceiver("audio", dtls),
        RemoteStreamTrack("audio"),
    ]
    return {type(thing): thing for thing in made}


@pytest.mark.parametrize(("library", "minor"), [("aioice", "0.13"), ("aiortc", "1.16")])
def test_the_libraries_are_of_the_version_that_the_list_was_made_for(library: str, minor: str) -> None:
    assert version(library).startswith(f"{minor}.")


async def test_every_private_name_is_still_there() -> None:
    gone = [
        f"{kind.__module__}.{kind.__qualname__}.{name}"
        for kind, thing in one_of_each().items()
        for name in PRIVATE[kind]
        if not hasattr(thing, name)
    ]
    gone += [
        f"{module.__name__}.{name}" for module, names in MODULES.items() for name in names if not hasattr(module, name)
    ]
    assert not gone


async def test_the_list_is_complete_and_nothing_in_it_is_needless() -> None:
    theirs = {name for thing in one_of_each().values() for name in dir(thing) if is_private(name)}
    used = set().union(*map(private_names, OUR_FILES))
    listed = {name for names in PRIVATE.values() for name in names if is_private(name)}
    # RTCIceTransport takes it of whatever connection it is given.
    assert used & theirs == listed - {"_recv"}


async def test_no_other_file_uses_one() -> None:
    theirs = {name for thing in one_of_each().values() for name in dir(thing) if is_private(name)}
    elsewhere = {
        f"{path.relative_to(PEER)}: {name}"
        for path in PEER.rglob("*.py")
        if path not in OUR_FILES
        for name in foreign_private_names(path) & theirs
    }
    assert not elsewhere


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(path: Path) -> set[str]:
    """Private names that a file reads, writes or defines as methods."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_private(node.name):
            found.add(node.name)
    return found


def foreign_private_names(path: Path) -> set[str]:
    """Private names that a file uses of something that isn't `self` or `cls`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
