"""The configuration: what the owner may write in copybara.toml, and what holds where nothing is written.

Each setting says in its `description` what is expected; that text is what an error shows. The same settings
with the same defaults are explained in config/copybara.toml.
"""

from __future__ import annotations

import bisect
import difflib
import ipaddress
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from shared.config.toml_lines import line_of
from shared.errors import ConfigError
from shared.links.classic import DEFAULT_PAGE, is_page
from shared.links.kinds import LONGEST_LIFETIME
from shared.names import ss58
from shared.names.server import Server
from shared.printable import is_blank, is_printable

Key = tuple[str, ...]


def _plain(text: str) -> bool:
    return is_printable(text) and not (text and is_blank(text))


def _path(text: str) -> bool:
    try:
        Path(text).expanduser()
    except RuntimeError:  # ~name of nobody
        return False
    return not any(unicodedata.category(character) == "Cc" for character in text)  # a file's name may have all others


def _web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment or parts.username or parts.password)
            and text.isascii()
            and text.isprintable()
            and " " not in text
        )
    except ValueError:
        return False


def _camera_device(text: str) -> bool:
    return text in ("auto", "none") or (text.startswith("/") and _plain(text))


def _camera_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("rtsp", "rtsps", "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return not text or (known and text.isprintable() and " " not in text)


def _networks(texts: tuple[str, ...]) -> bool:
    try:
        return all(ipaddress.ip_network(text) for text in texts)
    except ValueError:
        return False


def _words(texts: tuple[str, ...]) -> bool:
    return all(text and "\0" not in text for text in texts)


def _rpc_addresses(texts: tuple[str, ...]) -> bool:
    try:
        return all(Server.parse(text) for text in texts)
    except ValueError:
        return False


def _account(text: str) -> bool:
    return not text or ss58.is_account(text)


def _accepts(check: Callable[[Any], bool]) -> dict[str, Any]:
    return {"accepts": check}


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """[calls]: what happens to links."""

    lifetime: Annotated[
        int, Meta(ge=1, le=LONGEST_LIFETIME, description="a whole number of seconds from 1 to 86400")
    ] = 600
    "How long our links can be answered, and how old the links that we read may be."

    unknown: Annotated[Literal["ring", "ignore"], Meta(description='"ring" or "ignore"')] = "ring"
    "What to do with a call from a node that isn't in the contacts."

    at_once: Annotated[int, Meta(ge=1, le=16, description="a whole number from 1 to 16")] = 1
    "Calls at the same time; another one gets `busy`, or rings at a handset page that is open."

    classic_page: Annotated[str, Meta(max_length=512, description="the URL of a page", extra=_accepts(is_page))] = (
        DEFAULT_PAGE
    )
    "Where the original web app is, for links to contacts who use it. Nothing here ever opens it."


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """[answer]: what the other side sees and hears."""

    endpoint: Annotated[
        Literal[
            "auto", "handset", "devices", "camera", "answering-machine", "pattern", "echo", "file", "recorder", "none"
        ],
        Meta(
            description='"auto", "handset", "devices", "camera", "answering-machine", "pattern", "echo", "file", '
            '"recorder" or "none"',
        ),
    ] = "auto"
    """The media endpoint of a call, where the contact has none of its own. `auto` is the handset, or in a console
    without a page the pattern, so that there is something to hear and see."""

    machine_after: Annotated[int, Meta(ge=0, le=600, description="a whole number of seconds from 0 to 600")] = 0
    "How long a contact's call rings before the answering machine takes it; 0: it never does."


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[media]: settings of the endpoints."""

    file: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(_path))] = ""
    "What the endpoint `file` plays, over and over. `load` makes it absolute."

    record_to: Annotated[str, Meta(description="the path of a folder, or empty", extra=_accepts(_path))] = ""
    "Where the endpoint `recorder` writes; empty is the folder `recordings` in the home. `load` makes it absolute."

    recording_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number of megabytes from 1")] = 2_000
    "How large one recording may become; then it ends, and the call goes on."

    recordings_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number of megabytes from 1")] = 10_000
    "What the folder may hold, strangers' messages and all, before another recording begins."

    recordings_leave_mb: Annotated[int, Meta(ge=0, le=1_000_000, description="a whole number of megabytes from 0")] = (
        500
    )
    "What recordings leave free on the disk."

    send_recordings: Annotated[bool, Meta(description="true or false")] = False
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


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """[devices]: the machine's own microphone, speaker and camera."""

    sound: Annotated[Literal["auto", "pulse", "portaudio"], Meta(description='"auto", "pulse" or "portaudio"')] = "auto"
    "What opens the sound devices: PulseAudio and PipeWire, or PortAudio; `auto` takes the first that is there."

    microphone: Annotated[str, Meta(description="the name of a microphone, or empty", extra=_accepts(_plain))] = ""
    "Empty: the system's default."

    speaker: Annotated[str, Meta(description="the name of a speaker, or empty", extra=_accepts(_plain))] = ""
    "Empty: the system's default."

    camera: Annotated[
        str, Meta(description='"auto", "none" or a device such as "/dev/video0"', extra=_accepts(_camera_device))
    ] = "auto"
    "`auto`: the first camera, if there is one."


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """[camera]: an IP camera."""

    address: Annotated[
        str,
        Meta(
            description='an address such as "rtsp://user:password@192.168.1.20/stream"',
            extra=_accepts(_camera_address) | {"secret": True},
        ),
    ] = ""
    "RTSP or HTTP; may hold a user name and a password. Empty: there is no camera."


class Handset(msgspec.Struct, frozen=True, kw_only=True):
    """[handset]: the page in the browser."""

    enabled: Annotated[bool, Meta(description="true or false")] = True
    "Whether this program serves the page."

    port: Annotated[int, Meta(ge=0, le=65_535, description="a port number, or 0 for any that is free")] = 8765
    "On 127.0.0.1. If another program has it, a free one is taken."


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """[machine]: the answering machine."""

    greeting: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(_path))] = ""
    "Played once, then a beep; empty: only the beep. `load` makes it absolute."

    longest: Annotated[int, Meta(ge=1, le=3600, description="a whole number of seconds from 1 to 3600")] = 180
    "How long a message may be; then the machine hangs up."


class Staex(msgspec.Struct, frozen=True, kw_only=True):
    """[staex]: how to ask the Staex node of this machine."""

    api: Annotated[
        str,
        Meta(description='an address such as "http://127.0.0.1:9377"', extra=_accepts(_web_address)),
    ] = "http://127.0.0.1:9377"
    "The node's local service."

    command: Annotated[
        tuple[str, ...],
        Meta(description='a list of words such as ["docker", "exec", "mcc", "mcc"]', extra=_accepts(_words)),
    ] = ()
    "The node's command, used in place of the service; empty: the service."

    allow_remote_api: Annotated[bool, Meta(description="true or false")] = False
    "Whether the service may be on another machine."

    user: Annotated[str, Meta(description="the name of a system user, or empty", extra=_accepts(_plain))] = ""
    "Whom the node runs as, if not root, you or the user that its package makes; others' answers are refused."

    range: Annotated[
        tuple[str, ...],
        Meta(description='a list of address ranges such as ["10.83.0.0/16"]', extra=_accepts(_networks)),
    ] = ()
    "Where node-local addresses lie; an address outside is refused. Empty: the private ranges."


class Yggdrasil(msgspec.Struct, frozen=True, kw_only=True):
    """[yggdrasil]: how to ask the Yggdrasil node of this machine."""

    admin: Annotated[
        str,
        Meta(
            description='an address such as "unix:///var/run/yggdrasil/yggdrasil.sock", or empty',
            extra=_accepts(_plain),
        ),
    ] = ""
    "The node's admin socket; empty: the usual places."

    user: Annotated[str, Meta(description="the name of a system user, or empty", extra=_accepts(_plain))] = ""
    "Whom the node runs as, if not root, you or the user that its package makes; others' answers are refused."


class Telegram(msgspec.Struct, frozen=True, kw_only=True):
    """[telegram]: the owner's own bot."""

    token: Annotated[
        Literal["", "file", "environment", "keyring"],
        Meta(description='"file", "environment", "keyring", or empty for no Telegram'),
    ] = ""
    "Where the bot's token is kept; empty: Telegram isn't used. The token itself never stands in the configuration."

    token_file: Annotated[str, Meta(description="the path of a file, or empty", extra=_accepts(_path))] = ""
    "The file with the token; empty is `telegram.token` in the home. `load` makes it absolute."

    base_url: Annotated[
        str,
        Meta(description='an address such as "https://api.telegram.org"', extra=_accepts(_web_address)),
    ] = "https://api.telegram.org"
    "Whom the bot talks to: Telegram, or a Bot API server of one's own."


Addresses = Annotated[
    tuple[str, ...],
    Meta(
        description='a list of addresses such as ["wss://ws.azero.dev"]; ws:// and http:// only for private ones',
        extra=_accepts(_rpc_addresses),
    ),
]

Account = Annotated[
    str, Meta(description="an account of 47 or 48 characters that begins with 5, or empty", extra=_accepts(_account))
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
        str, Meta(max_length=64, description='a name such as "staex.azero", or empty', extra=_accepts(_plain))
    ] = ""
    "The owner's own name: it stands on the contact card, and `copybara doctor` checks where it leads."

    server_seconds: Annotated[float, Meta(ge=0.2, le=15, description="a number of seconds from 0.2 to 15")] = 4.0
    "What one server may take; all together never take more than 15."

    reuse: Annotated[int, Meta(ge=0, le=86_400, description="a whole number of seconds from 0 to 86400")] = 600
    "For how long `copybara resolve` repeats an answer without asking again. A call always asks."

    azero: AzeroNames = AzeroNames()
    tzero: TzeroNames = TzeroNames()
    ens: EnsNames = EnsNames()


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. `Config()` is what holds without a file."""

    name: Annotated[
        str, Meta(max_length=40, description="a text of at most 40 characters on one line", extra=_accepts(_plain))
    ] = ""
    "What the own contact card calls its owner; may be empty."

    overlay: Annotated[
        Literal["auto", "staex", "yggdrasil", "loopback"],
        Meta(description='"auto", "staex", "yggdrasil" or "loopback"'),
    ] = "auto"
    "The network that calls go through."

    calls: Calls = Calls()
    answer: Answering = Answering()
    media: MediaSettings = MediaSettings()
    devices: Devices = Devices()
    camera: Camera = Camera()
    handset: Handset = Handset()
    machine: Machine = Machine()
    staex: Staex = Staex()
    yggdrasil: Yggdrasil = Yggdrasil()
    telegram: Telegram = Telegram()
    names: Names = Names()


def load(path: Path | None) -> Config:
    """Read a configuration file; None stands for no file and gives the defaults.

    Relative paths in it start at its own folder. Raises ConfigError that names the line, the key and what is
    expected there.
    """
    if path is None:
        return Config()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The configuration {path} can't be read: {error.strerror}.", "Check the file.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: this isn't UTF-8 text.", "Save the file as UTF-8.", line=line
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Read a configuration; `path` is the file's, for errors and for the paths in it. Raises as `load` does."""
    document = _document(text, path)
    problems = list(_problems(Config, document)) or list(_contradictions(document))
    if problems:
        line, problem = min(((line_of(text, each.key) or 1, each) for each in problems), key=lambda each: each[0])
        key = ".".join(problem.key)
        raise ConfigError(f"{path}, line {line}: {problem.sentence}", problem.hint, line=line, key=key)
    config = msgspec.convert(document, Config)
    media = msgspec.structs.replace(
        config.media,
        file=_absolute(config.media.file, path.parent),
        record_to=_absolute(config.media.record_to, path.parent),
    )
    telegram = msgspec.structs.replace(config.telegram, token_file=_absolute(config.telegram.token_file, path.parent))
    machine = msgspec.structs.replace(config.machine, greeting=_absolute(config.machine.greeting, path.parent))
    return msgspec.structs.replace(config, media=media, machine=machine, telegram=telegram)


class _Problem(NamedTuple):
    key: Key
    sentence: str
    hint: str


def _document(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).rpartition(" (at ")
        where = re.match(r"line (\d+)", place)
        line = int(where[1]) if where else text.rstrip().count("\n") + 1
        sentence = f"{said[:1].lower()}{said[1:]}"
        reason: Exception = error
    except (ValueError, RecursionError) as error:  # these name no line: a number, or nesting, without bounds
        kind = type(error)
        lines = text.split("\n")
        line = bisect.bisect_left(range(len(lines)), True, key=lambda count: _fails(lines[:count], kind))
        sentence = "a number has too many digits" if kind is ValueError else "there are too many brackets"
        reason = error
    raise ConfigError(
        f"{path}, line {line}: this isn't valid TOML: {sentence}.",
        'Text needs quotes, as in: name = "Anna". Compare the line with config/copybara.toml.',
        line=line,
    ) from reason


def _fails(lines: list[str], kind: type[Exception]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        return type(error) is kind
    return False


def _problems(struct: type[msgspec.Struct], table: dict[str, Any], place: Key = ()) -> Iterator[_Problem]:
    """Everything in a table that isn't a setting of `struct`, or has a value that isn't expected."""
    settings = get_type_hints(struct, include_extras=True)
    for word, value in table.items():
        key = (*place, word)
        if word not in settings:
            yield _unknown(key, list(settings))
        elif get_origin(settings[word]) is Annotated:
            meta = get_args(settings[word])[1]
            if not _fits(value, settings[word], meta):
                # A password in a value that isn't right is one all the same.
                shown = "not right" if (meta.extra or {}).get("secret") else _shown(value)
                yield _Problem(key, f"{'.'.join(key)} is {shown}.", f"It must be {meta.description}.")
        elif isinstance(value, dict):
            yield from _problems(settings[word], value, key)
        else:
            yield _Problem(
                key, f"{'.'.join(key)} is {_shown(value)}.", f"It must be a table: a line with [{'.'.join(key)}]."
            )


def _contradictions(document: dict[str, Any]) -> Iterator[_Problem]:
    """Values that are each valid alone, but not together."""
    config = msgspec.convert(document, Config)
    if config.answer.endpoint == "file" and not config.media.file:
        yield _Problem(
            ("answer", "endpoint"), 'answer.endpoint is "file", but there is no file.', "Name one in [media] as file."
        )
    if config.answer.endpoint == "handset" and not config.handset.enabled:
        yield _Problem(
            ("handset", "enabled"),
            'handset.enabled is false, but calls are to go to the handset page ("handset").',
            "Choose what answers in its place: endpoint under [answer].",
        )
    if config.answer.endpoint == "camera" and not config.camera.address:
        yield _Problem(
            ("answer", "endpoint"),
            'answer.endpoint is "camera", but there is no camera.',
            "Give its address in [camera] as address.",
        )


def _fits(value: object, kind: Any, meta: Meta) -> bool:
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    accepts: Callable[[Any], bool] = (meta.extra or {}).get("accepts", lambda _: True)
    return accepts(converted)


def _unknown(key: Key, siblings: list[str]) -> _Problem:
    word = key[-1]
    sections = {name: hint for name, hint in get_type_hints(Config).items() if hasattr(hint, "__struct_fields__")}
    if near := difflib.get_close_matches(word.lower(), siblings, n=1):
        hint = f"Did you mean {'.'.join((*key[:-1], near[0]))}?"
    elif homes := [name for name, section in sections.items() if word in section.__struct_fields__]:
        hint = f"Did you mean {homes[0]}.{word}? It belongs under a line with [{homes[0]}]."
    else:
        hint = f"Known here: {', '.join(siblings)}."
    return _Problem(key, f"there is no setting {_one_line('.'.join(key))}.", hint)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "a table"
        case str():
            return f'"{_one_line(value)}"'
    return _one_line(str(value))


def _one_line(text: str) -> str:
    short = text if len(text) <= 40 else f"{text[:39]}…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in short)


def _absolute(text: str, folder: Path) -> str:
    return str((folder / Path(text).expanduser()).absolute()) if text else ""
