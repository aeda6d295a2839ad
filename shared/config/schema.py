"""The configuration: what the owner may write in copybara.toml, and the defaults.

A setting's `description` says what is expected, and is what an error shows; a choice needs none. The same settings with
the same defaults are explained in config/copybara.toml. file.py reads it, problems.py finds what is wrong in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shared.config import checks
from shared.links.classic import DEFAULT_PAGE, is_page
from shared.links.kinds import LONGEST_LIFETIME
from shared.overlay_names import OverlayName

Endpoint = Literal[
    "auto", "handset", "devices", "camera", "answering-machine", "pattern", "echo", "file", "recorder", "none"
]
"Every media endpoint, and `auto`, which chooses one."

CallWaiting = Literal["page", "always", "never"]
"When another call rings beside one."


def _accepts(check: Callable[[Any], bool]) -> dict[str, Any]:
    return {"accepts": check}


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """[calls]: what happens to links."""

    lifetime: Annotated[
        int, Meta(ge=1, le=LONGEST_LIFETIME, description="a whole number of seconds from 1 to 86400")
    ] = 600
    "How long our links can be answered, and how old the links that we read may be."

    unknown: Literal["ring", "ignore"] = "ring"
    "What to do with a call from a node that isn't in the contacts."

    at_once: Annotated[int, Meta(ge=1, le=16, description="a whole number from 1 to 16")] = 1
    """Calls at the same time, beside one more on hold. Another one gets `busy`, or rings: see `waiting`."""

    waiting: CallWaiting = "page"
    "When another call rings beside one: while a handset page is open, always (in chats as well), or never."

    classic_page: Annotated[str, Meta(max_length=512, description="the URL of a page", extra=_accepts(is_page))] = (
        DEFAULT_PAGE
    )
    "Where the original web app is, for links to contacts who use it. Nothing here ever opens it."


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """[answer]: what the other side sees and hears."""

    endpoint: Endpoint = "auto"
    """The media endpoint of a call, where the contact has none of its own. `auto` is the handset, or in a console
    without a page the pattern, so that there is something to hear and see."""

    machine_after: Annotated[int, Meta(ge=0, le=600, description="a whole number of seconds from 0 to 600")] = 0
    "How long a contact's call rings before the answering machine takes it; 0: it never does."


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[media]: settings of the endpoints."""

    file: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(checks.path))] = ""
    "What the endpoint `file` plays, over and over. `load` makes it absolute."

    record_to: Annotated[str, Meta(description="the path of a folder, or empty", extra=_accepts(checks.path))] = ""
    "Where the endpoint `recorder` writes; empty is the folder `recordings` in the home. `load` makes it absolute."

    recording_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number of megabytes from 1")] = 2_000
    "How large one recording may become; then it ends, and the call continues."

    recordings_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number of megabytes from 1")] = 10_000
    "What the folder may hold, including strangers' messages, when another recording begins."

    recordings_leave_mb: Annotated[int, Meta(ge=0, le=1_000_000, description="a whole number of megabytes from 0")] = (
        500
    )
    "What recordings leave free on the disk."

    send_recordings: bool = False
    "Whether the messenger brings a recording to the owner's own chat as a file, where the messenger keeps it too."

    width: Annotated[
        int, Meta(ge=16, le=1920, multiple_of=2, description="an even number of pixels from 16 to 1920")
    ] = 640
    "Of the picture that we send."

    height: Annotated[
        int, Meta(ge=16, le=1920, multiple_of=2, description="an even number of pixels from 16 to 1920")
    ] = 480
    "Of the picture that we send."

    fps: Annotated[int, Meta(ge=1, le=60, description="a whole number of pictures a second from 1 to 60")] = 15
    "Pictures a second."


class FileSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[files]: files that the other side of a call sends."""

    folder: Annotated[str, Meta(description="the path of a folder, or empty", extra=_accepts(checks.path))] = ""
    "Where they go; empty is the folder `files` in the home. `load` makes it absolute."

    largest_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number of megabytes from 1")] = 4_000
    "How large one may be."

    folder_mb: Annotated[int, Meta(ge=1, le=10_000_000, description="a whole number of megabytes from 1")] = 20_000
    "What the folder may hold, with those that are on their way."

    leave_mb: Annotated[int, Meta(ge=0, le=1_000_000, description="a whole number of megabytes from 0")] = 500
    "What they leave free on the disk."

    voice_mb: Annotated[int, Meta(ge=0, le=100, description="a whole number of megabytes from 0 to 100")] = 0
    "How large a contact's voice message may be to be accepted without asking; 0 asks about each."


NoiseSuppression = Literal["off", "low", "moderate", "high", "highest"]


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """[devices]: the machine's own microphone, speaker and camera, and the owner's other devices."""

    sound: Literal["auto", "pulse", "portaudio"] = "auto"
    "What opens the sound devices: PulseAudio and PipeWire, or PortAudio; `auto` takes the first that is there."

    microphone: Annotated[str, Meta(description="the name of a microphone, or empty", extra=_accepts(checks.plain))] = (
        ""
    )
    "Empty: the system's default."

    speaker: Annotated[str, Meta(description="the name of a speaker, or empty", extra=_accepts(checks.plain))] = ""
    "Empty: the system's default."

    noise_suppression: NoiseSuppression = "off"
    "How much of the noise that the microphone hears is taken away."

    camera: Annotated[
        str, Meta(description='"auto", "none" or a device such as "/dev/video0"', extra=_accepts(checks.camera_device))
    ] = "auto"
    "`auto`: the first camera, if there is one."

    lan: Annotated[
        str,
        Meta(
            description='an address of this computer in your home\'s network such as "192.168.1.5", or empty',
            extra=_accepts(checks.local_address),
        ),
    ] = ""
    "Where the owner's devices without the overlay are served, beside the overlay; empty: nowhere."


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """[camera]: an IP camera."""

    address: Annotated[
        str,
        Meta(
            description='an address such as "rtsp://user:password@192.168.1.20/stream"',
            extra=_accepts(checks.camera_address) | {"secret": True},
        ),
    ] = ""
    "RTSP or HTTP; may hold a user name and a password. Empty: there is no camera."


class Handset(msgspec.Struct, frozen=True, kw_only=True):
    """[handset]: the page in the browser."""

    enabled: bool = True
    "Whether this program serves the page."

    port: Annotated[int, Meta(ge=0, le=65_535, description="a port number, or 0 for any that is free")] = 8765
    "On 127.0.0.1. If another program has it, a free one is taken."

    device_port: Annotated[int, Meta(ge=0, le=65_535, description="a port number, or 0 for any that is free")] = 8766
    "On the overlay address, for the owner's other devices, while there are any."


class DesktopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[desktop]: what the desktop shows, where there is one."""

    notify: bool = True
    "Whether calls that ring, and calls that were missed, are notifications."


SYSTEMS_SPEAKER = "default"
"As the value of `speaker` under [ring]: the one that the system takes."


class RingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[ring]: what is heard while a call rings, beside the page."""

    speaker: Annotated[
        str, Meta(description='the name of a speaker, "default", or empty', extra=_accepts(checks.plain))
    ] = ""
    "Where the ring tone sounds; empty: nowhere."


class MachineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[machine]: the answering machine."""

    greeting: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(checks.path))] = ""
    "Played once, then a beep; empty: only the beep. `load` makes it absolute."

    longest: Annotated[int, Meta(ge=1, le=3600, description="a whole number of seconds from 1 to 3600")] = 180
    "How long a message may be; then the machine hangs up."


class Staex(msgspec.Struct, frozen=True, kw_only=True):
    """[staex]: how to ask the Staex node of this machine."""

    api: Annotated[
        str,
        Meta(description='an address such as "http://127.0.0.1:9377"', extra=_accepts(checks.web_address)),
    ] = "http://127.0.0.1:9377"
    "The node's local service."

    command: Annotated[
        tuple[str, ...],
        Meta(description='a list of words such as ["docker", "exec", "mcc", "mcc"]', extra=_accepts(checks.words)),
    ] = ()
    "The node's command, used in place of the service; empty: the service."

    allow_remote_api: bool = False
    "Whether the service may be on another machine."

    user: Annotated[str, Meta(description="the name of a system user, or empty", extra=_accepts(checks.plain))] = ""
    "The user that the node runs as, if not root, you or its package's own; others' answers are refused."

    range: Annotated[
        tuple[str, ...],
        Meta(description='a list of address ranges such as ["10.83.0.0/16"]', extra=_accepts(checks.networks)),
    ] = ()
    "Where node-local addresses lie; an address outside is refused. Empty: the private ranges."


class Yggdrasil(msgspec.Struct, frozen=True, kw_only=True):
    """[yggdrasil]: how to ask the Yggdrasil node of this machine."""

    admin: Annotated[
        str,
        Meta(
            description='an address such as "unix:///var/run/yggdrasil/yggdrasil.sock", or empty',
            extra=_accepts(checks.plain),
        ),
    ] = ""
    "The node's admin socket; empty: the usual places."

    user: Annotated[str, Meta(description="the name of a system user, or empty", extra=_accepts(checks.plain))] = ""
    "Whom the node runs as, if not root, you or the user that its package makes; others' answers are refused."

    private_peers: Annotated[
        str,
        Meta(
            description='peers such as "tls://HOST:PORT?key=KEY" with blanks between them, or empty',
            extra=_accepts(checks.plain),
        ),
    ] = ""
    "The lines of the private peers that connect the node; empty if public ones do. Set-up writes it."

    public_peers: bool = False
    "Whether public peers connect the node, so that friends need none of these. Set-up writes it."


class Telegram(msgspec.Struct, frozen=True, kw_only=True):
    """[telegram]: the owner's own bot."""

    token: Annotated[
        Literal["", "file", "environment", "keyring"],
        Meta(description='"file", "environment", "keyring", or empty for no Telegram'),
    ] = ""
    "Where the bot's token is kept; empty: Telegram isn't used. The token itself is never in the configuration."

    token_file: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(checks.path))] = ""
    "The file with the token; empty is `telegram.token` in the home. `load` makes it absolute."

    base_url: Annotated[
        str,
        Meta(
            description='an address such as "https://api.telegram.org"; with http:// everybody on the way would read '
            "the bot's token, so that is for localhost and private IP addresses. If it runs in a container, publish "
            "its port on this computer: http://127.0.0.1:8081",
            extra=_accepts(checks.address_for_secrets),
        ),
    ] = "https://api.telegram.org"
    "Whom the bot talks to: Telegram, or a Bot API server of one's own."

    texts: bool = False
    "Whether the bot repeats here what others write in calls, and the names of files: Telegram can read it."


class DeltaChat(msgspec.Struct, frozen=True, kw_only=True):
    """[deltachat]: the bot's own Delta Chat account."""

    enabled: bool = False
    "Whether the account is used that `copybara setup deltachat` has made."

    unencrypted: bool = False
    """Whether call links are also read in messages that weren't encrypted, and answered there. They are never the
    owner's."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """[matrix]: the owner's bot in encrypted rooms, logged in by `copybara setup matrix`."""

    enabled: bool = False
    "Whether the bot reads and writes there."

    unverified: bool = False
    """Whether call links are also read in messages that weren't encrypted or come from unverified devices, and such
    devices may read ours. They are never the owner's."""


Addresses = Annotated[
    tuple[str, ...],
    Meta(
        description='a list of addresses such as ["wss://ws.azero.dev"]; ws:// and http:// only for localhost and '
        "private IP addresses",
        extra=_accepts(checks.rpc_addresses),
    ),
]

Account = Annotated[
    str,
    Meta(description="an account of 47 or 48 characters that begins with 5, or empty", extra=_accepts(checks.account)),
]

BlockHash = Annotated[
    str, Meta(pattern=r"^(0x[0-9a-f]{64})?$", description="0x and 64 characters of 0-9 and a-f, or empty")
]


class AzeroNames(msgspec.Struct, frozen=True, kw_only=True):
    """[names.azero]: names that end in `.azero` and `.a0`, on Aleph Zero."""

    rpc: Addresses = ("wss://ws.azero.dev", "wss://aleph-zero-rpc.dwellir.com")
    "Servers of the chain, asked in this order."

    genesis: BlockHash = "0x70255b4d28de0fc4e1a193d7e175ad1ccef431598211c55538f1018651a0344e"
    "The chain's first block: a server of another chain is refused. Empty: any."

    router: Account = "5FfRtDtpS3Vcr7BTChjPiQNrcAKu3VLv4E1NGF6ng6j3ZopJ"
    "The contract that says which registry is in charge; empty: it isn't asked."

    registry: Account = "5CTQBfBC9SfdrCDBJdfLiyW2pg9z5W6C6Es8sK313BLnFgDf"
    "The registry of `.azero`, where the router doesn't say."

    registry_a0: Account = ""
    "The same of `.a0`."


class TzeroNames(msgspec.Struct, frozen=True, kw_only=True):
    """[names.tzero]: names that end in `.tzero`, on Aleph Zero's test network."""

    rpc: Addresses = ("wss://ws.test.azero.dev", "wss://aleph-zero-testnet-rpc.dwellir.com")
    genesis: BlockHash = "0x05d5279c52c484cc80396535a316add7d47b1c5b9e0398dd1f584149341460c5"
    router: Account = "5HXjj3xhtRMqRYCRaXTDcVPz3Mez2XBruyujw6UEkvn8PCiA"
    registry: Account = "5FsB91tXSEuMj6akzdPczAtmBaVKToqHmtAwSUzXh49AYzaD"


class EnsNames(msgspec.Struct, frozen=True, kw_only=True):
    """[names.ens]: names that end in `.eth`, on Ethereum."""

    rpc: Addresses = ("https://ethereum-rpc.publicnode.com", "https://eth.drpc.org", "https://eth.llamarpc.com")
    "Servers of the chain, asked in this order."

    chain_id: Annotated[int, Meta(ge=0, lt=1 << 53, description="a whole number, or 0 for any chain")] = 1
    "The chain's number (EIP-155): a server of another chain is refused."

    registry: Annotated[
        str, Meta(pattern=r"^0x[0-9a-fA-F]{40}$", description="an address: 0x and 40 characters of 0-9 and a-f")
    ] = "0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e"
    "Of ENS; the same on Ethereum and its test networks."


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """[names]: where names such as `copybara.azero` are looked up."""

    own_name: Annotated[
        str, Meta(max_length=64, description='a name such as "staex.azero", or empty', extra=_accepts(checks.plain))
    ] = ""
    "The owner's own name: it stands on the contact card, and `copybara doctor` checks where it leads."

    server_seconds: Annotated[float, Meta(ge=0.2, le=15, description="a number of seconds from 0.2 to 15")] = 4.0
    "What one server may take; all together never take more than 15."

    reuse: Annotated[int, Meta(ge=0, le=86_400, description="a whole number of seconds from 0 to 86400")] = 600
    "For how long `copybara resolve` repeats an answer without asking again. A call always asks."

    azero: AzeroNames = AzeroNames()
    tzero: TzeroNames = TzeroNames()
    ens: EnsNames = EnsNames()


class InviteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[invite]: what an invitation says beside the card."""

    source: Annotated[
        str,
        Meta(
            description="an address that begins with https:// or ssh://, without a password; by http:// or git:// "
            "somebody on the way could give your friend another program",
            extra=_accepts(checks.program_address),
        ),
    ] = ""
    "Where friends get the program. Empty: the public address that this one was installed from, if there is one."


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. `Config()` is what holds without a file."""

    name: Annotated[
        str,
        Meta(max_length=40, description="a text of at most 40 characters on one line", extra=_accepts(checks.plain)),
    ] = ""
    "What the own contact card calls its owner; may be empty."

    overlay: OverlayName = "auto"
    "The network that calls go through."

    calls: Calls = Calls()
    answer: Answering = Answering()
    media: MediaSettings = MediaSettings()
    files: FileSettings = FileSettings()
    devices: Devices = Devices()
    camera: Camera = Camera()
    handset: Handset = Handset()
    desktop: DesktopSettings = DesktopSettings()
    invite: InviteSettings = InviteSettings()
    ring: RingSettings = RingSettings()
    machine: MachineSettings = MachineSettings()
    staex: Staex = Staex()
    yggdrasil: Yggdrasil = Yggdrasil()
    telegram: Telegram = Telegram()
    deltachat: DeltaChat = DeltaChat()
    matrix: Matrix = Matrix()
    names: Names = Names()
