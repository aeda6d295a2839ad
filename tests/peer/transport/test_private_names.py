"""Names in libraries that come without any promise, but that we use.

Their next release may drop any of them. These tests then say which, and which of our files uses it, before a call fails
in a stranger way. Each file has a list, and only that file may use the names in its list. PRIVATE contains internals of
objects, INNER contains names that are imported from undocumented modules.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import aioice
import aiortc
import httpcore
import httpx
import pytest
import sounddevice
from aioice import Connection
from aioice.ice import CandidatePair, StunProtocol
from aiortc import RTCCertificate, RTCIceGatherer, RTCIceTransport, RTCRtpSender
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtcsctptransport import RTCSctpTransport
from pylibsrtp import Session

from peer.overlay.loopback import loopback_address
from peer.transport.ice import host_candidate
from tests.peer.pair import ANNA
from tests.syntax import parsed

PEER = Path(__file__).parents[3] / "peer"
ICE = PEER / "transport" / "ice.py"
DTLS = PEER / "transport" / "dtls.py"
ASSOCIATIONS = PEER / "transport" / "associations.py"
SCTP = PEER / "transport" / "sctp.py"
DECODING_LEG = Path(__file__).parents[1] / "decoding_leg.py"
SENDER = PEER / "transport" / "sender.py"
STREAMS = PEER / "transport" / "srtp_streams.py"

ROOT = PEER.parent
BOUNDED_HTTP = ROOT / "shared" / "bounded_http.py"
PRODUCT = [path for room in ("bot", "peer", "shared") for path in sorted((ROOT / room).rglob("*.py"))]

INNER: dict[str, dict[str, str]] = {
    "peer/media/rtp/depacketizer.py": {
        "aiortc.codecs.vpx": "VpxPayloadDescriptor",
        "aiortc.rate": "RemoteBitrateEstimator",
        "aiortc.rtcrtpreceiver": "StreamStatistics",
        "aiortc.rtp": (
            "HeaderExtensionsMap RTCP_PSFB_APP RTCP_PSFB_PLI RTCP_RTPFB_NACK RtcpPsfbPacket RtcpReceiverInfo "
            "RtcpRrPacket RtcpRtpfbPacket RtcpSrPacket RtpPacket pack_remb_fci"
        ),
    },
    "peer/media/rtp/incoming.py": {
        "aiortc.rtp": ("AnyRtcpPacket RTCP_PSFB_FIR RTCP_PSFB_PLI RtcpPacket RtcpPsfbPacket RtcpSrPacket is_rtcp"),
    },
    "peer/media/sound/portaudio.py": {"sounddevice": "_initialize _terminate"},
    "peer/transport/dtls.py": {
        "aiortc.rtcdtlstransport": "DataReceiver SRTPProtectionProfile State",
        "aiortc.rtp": "RTCP_PSFB_PLI RtcpPsfbPacket",
    },
    "peer/transport/loss_reports.py": {"aiortc.rtp": "RtcpReceiverInfo RtcpRrPacket"},
    "peer/transport/ice.py": {
        "aioice.candidate": "candidate_priority",
        "aioice.ice": "CandidatePair ConnectionEvent ICE_COMPLETED ICE_FAILED StunProtocol",
        "aioice.stun": "Class Message Method",
    },
    "peer/transport/profile.py": {
        "aiortc.rtcrtpparameters": "RTCRtcpFeedback RTCRtpReceiveParameters RTCRtpSendParameters",
    },
    "peer/transport/sctp.py": {
        "aiortc.rtcsctptransport": (
            "Chunk DataChunk ForwardTsnChunk InitChunk SCTP_DATA_FIRST_FRAG SCTP_DATA_LAST_FRAG SCTP_RTO_MIN SackChunk "
            "USERDATA_MAX_LENGTH serialize_packet"
        ),
    },
    "peer/transport/send_path.py": {"aiortc.rate": "RemoteBitrateEstimator"},
    "peer/transport/sender.py": {
        "aiortc.rtp": (
            "AnyRtcpPacket RTCP_PSFB_APP RTCP_PSFB_FIR RTCP_PSFB_PLI RTCP_RTPFB_NACK RtcpPsfbPacket RtcpRtpfbPacket "
            "unpack_remb_fci"
        ),
    },
    "peer/transport/connections.py": {"aioice.stun": "Class Message Transaction parse_message"},
}
"The names by file and module."

PRIVATE: dict[Path, dict[type, list[str]]] = {
    BOUNDED_HTTP: {
        httpx.AsyncClient: ["_mounts", "_transport"],
        httpx.AsyncHTTPTransport: ["_pool"],
        httpcore.AsyncConnectionPool: ["_network_backend"],
    },
    ICE: {
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
            # Names without an underscore and without documentation.
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
    },
    DTLS: {
        RTCCertificate: ["_create_ssl_context"],
        RTCIceTransport: ["_connection", "_recv", "_send"],
        RTCDtlsTransport: [
            "_data_receiver",
            "_handle_rtcp_data",
            "_handle_rtp_data",
            "_register_data_receiver",
            "_rtp_router",
            "_rx_srtp",
            "_send_data",
            "_send_rtp",
            "_set_role",
            "_set_state",
            "_ssl",
            "_state",
            "_task",
            "_tx_srtp",
            "_unregister_data_receiver",
            "_validate_peer_identity",
            "_write_ssl",
        ],
    },
    SCTP: {
        RTCSctpTransport: [
            "_advertised_rwnd",
            "_association_state",
            "_cwnd",
            "_data_channel_queue",
            "_handle_data",
            "_inbound_streams",
            "_mark_received",
            "_outbound_queue",
            "_receive_chunk",
            "_receive_data_chunk",
            "_receive_forward_tsn_chunk",
            "_receive_sack_chunk",
            "_remote_port",
            "_rto",
            "_rttvar",
            "_sack_duplicates",
            "_sack_misordered",
            "_sack_needed",
            "_send_chunk",
            "_send_sack",
            "_sent_queue",
            "_srtt",
            "_t1_expired",
            "_t1_failures",
            "_t3_cancel",
            "_t3_expired",
            "_t3_handle",
            "_update_rto",
        ],
    },
    ASSOCIATIONS: {
        RTCSctpTransport: ["_handle_data"],
    },
    STREAMS: {
        Session: ["_srtp"],
    },
    SENDER: {
        RTCRtpSender: ["_handle_rtcp_packet", "_retransmit", "_ssrc"],
    },
    DECODING_LEG: {
        RTCRtpReceiver: [
            "_RTCRtpReceiver__decoder_queue",
            "_handle_disconnect",
            "_handle_rtcp_packet",
            "_set_rtcp_ssrc",
            "_track",
        ],
        RemoteStreamTrack: ["_queue"],
    },
}


def one_of_each() -> dict[type, object]:
    """The libraries' own objects, connected as in a call. No socket is opened."""
    connection = Connection(ice_controlling=True)
    protocol = StunProtocol(connection)
    candidate = protocol.local_candidate = host_candidate(loopback_address(ANNA), 1)
    gatherer = RTCIceGatherer(iceServers=[])
    transport = RTCIceTransport(gatherer)
    certificate = RTCCertificate.generateCertificate()
    dtls = RTCDtlsTransport(transport, [certificate])
    made = [
        connection,
        protocol,
        CandidatePair(protocol, candidate),
        gatherer,
        transport,
        certificate,
        dtls,
        RTCSctpTransport(dtls),
        RTCRtpReceiver("audio", dtls),
        RTCRtpSender("audio", dtls),
        RemoteStreamTrack("audio"),
        Session(),
        httpx.AsyncClient(),
        httpx.AsyncHTTPTransport(),
        httpcore.AsyncConnectionPool(),
    ]
    return {type(thing): thing for thing in made}


@pytest.mark.parametrize(("library", "minor"), [("aioice", "0.13"), ("aiortc", "1.16")])
def test_the_libraries_are_of_the_version_that_the_list_was_made_for(library: str, minor: str) -> None:
    assert version(library).startswith(f"{minor}.")


async def test_every_private_name_is_still_there() -> None:
    made = one_of_each()
    gone = [
        f"{kind.__module__}.{kind.__qualname__}.{name}, used in {path.name}"
        for path, kinds in PRIVATE.items()
        for kind, names in kinds.items()
        for name in names
        if not hasattr(made[kind], name)
    ]
    gone += [
        f"{module}.{name}, used in {path}"
        for path, modules in INNER.items()
        for module, names in modules.items()
        for name in names.split()
        if not hasattr(importlib.import_module(module), name)
    ]
    assert not gone


def test_the_list_of_what_is_imported_from_inner_modules_is_complete_and_nothing_in_it_is_needless() -> None:
    used: dict[str, dict[str, set[str]]] = {}
    for path in PRODUCT:
        for module, name in inner_names(parsed(path.read_text())):
            used.setdefault(str(path.relative_to(ROOT)), {}).setdefault(module, set()).add(name)
    listed = {path: {module: set(names.split()) for module, names in each.items()} for path, each in INNER.items()}
    assert used == listed


def test_the_architecture_says_what_each_of_these_files_uses_them_for() -> None:
    page = (ROOT / "docs/architecture.md").read_text().partition("## Private names of libraries")[2]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    described = {path for row in rows for path in re.findall(r"`([^`]+)`", row)}
    assert described == {*INNER, *(str(path.relative_to(ROOT)) for path in PRIVATE if path != DECODING_LEG)}


@pytest.mark.parametrize("path", PRIVATE, ids=lambda path: path.stem)
async def test_the_list_of_a_file_is_complete_and_nothing_in_it_is_needless(path: Path) -> None:
    used = private_names(path) & all_of_theirs()
    # RTCIceTransport uses `_recv` of any connection that it gets.
    assert used == listed(path) - {"_recv"}


async def test_no_other_file_uses_one() -> None:
    theirs = all_of_theirs()
    elsewhere = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in PRODUCT
        for name in foreign_private_names(path) & theirs
        if path not in PRIVATE or name not in listed(path)
    }
    assert not elsewhere


def all_of_theirs() -> set[str]:
    """Every private name of the objects whose private names we use."""
    return {name for thing in one_of_each().values() for name in dir(thing) if is_private(name)}


def listed(path: Path) -> set[str]:
    """The private names that a file may use."""
    return {name for names in PRIVATE[path].values() for name in names if is_private(name)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(path: Path) -> set[str]:
    """Private names that a file reads, writes or defines as methods."""
    found = set()
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_private(node.name):
            found.add(node.name)
    return found


def inner_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names in internal modules of libraries that a file uses, unless the library exports them; sounddevice's too."""
    at_the_top = {"aioice": set(aioice.__all__), "aiortc": set(aiortc.__all__)}
    modules = {"stun": "aioice.stun", "sounddevice": sounddevice.__name__}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            library, _, inner = node.module.partition(".")
            if inner and library in ("aioice", "aiortc"):
                yield from ((node.module, each.name) for each in node.names if each.name not in at_the_top[library])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id, "")
            if module == "aioice.stun" or (module and is_private(node.attr)):
                yield module, node.attr


def foreign_private_names(path: Path) -> set[str]:
    """Private names that a file uses on anything but `self` or `cls`."""
    return {
        node.attr
        for node in ast.walk(parsed(path.read_text()))
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
