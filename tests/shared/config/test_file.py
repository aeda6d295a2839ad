"""The configuration file: how it is read, and the error for each mistake."""

from __future__ import annotations

import os
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.home import Home
from shared.config.file import load, parse
from shared.config.schema import Config
from shared.config.toml_lines import line_of
from shared.errors import ConfigError
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

EXAMPLE = Path(__file__).parents[3] / "config" / "copybara.toml"
HERE = Path("/somewhere/copybara.toml")


def mistake(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, HERE)
    return caught.value


def read_or_refuse(text: str) -> ConfigError | None:
    try:
        parse(text, HERE)
    except ConfigError as error:
        return error
    return None


def test_no_file_gives_the_defaults() -> None:
    assert load(None) == Config()


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse("", HERE) == Config()


def test_the_example_says_exactly_the_defaults() -> None:
    assert load(EXAMPLE) == Config()


def test_the_example_explains_every_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    def keys(value: Any) -> list[tuple[str, ...]]:
        if not isinstance(value, dict):
            return [()]
        return [(word, *rest) for word, below in value.items() for rest in keys(below)]

    for key in keys(msgspec.to_builtins(Config())):
        assert explanation(text, key).startswith("#"), f"nothing explains {key}"


def test_the_example_names_every_choice() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    def choices(struct: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        for word, kind in get_type_hints(struct).items():
            if hasattr(kind, "__struct_fields__"):
                yield from choices(kind, (*place, word))
            elif get_origin(kind) is Literal:
                yield (*place, word), get_args(kind)

    found = dict(choices(Config))
    assert ("overlay",) in found
    for key, words in found.items():
        explained = explanation(text, key).rpartition("\n")[0]
        assert [word for word in words if f'"{word}"' not in explained] == [], key


def explanation(text: str, key: tuple[str, ...]) -> str:
    """The lines about a setting, to its own."""
    line = line_of(text, key)
    assert line is not None
    assert text.splitlines()[line - 1].startswith(key[-1]), key
    return "\n".join(text.splitlines()[:line]).rpartition("\n\n")[2]


def test_settings_are_read() -> None:
    config = parse(
        """
        name = "Anna"
        overlay = "loopback"
        calls.lifetime = 60
        [answer]
        endpoint = "echo"
        [staex]
        command = ["docker", "exec", "mcc", "mcc"]
        range = ["10.83.0.0/16", "fd00::/8"]
        """,
        HERE,
    )
    assert (config.name, config.overlay, config.calls.lifetime, config.answer.endpoint) == (
        "Anna",
        "loopback",
        60,
        "echo",
    )
    assert config.staex.command == ("docker", "exec", "mcc", "mcc")
    assert config.staex.range == ("10.83.0.0/16", "fd00::/8")
    assert config.calls.unknown == "ring"


@pytest.mark.parametrize(
    ("text", "line", "key", "expected"),
    [
        ('overlay = "stacks"', 1, "overlay", '"auto", "staex", "yggdrasil" or "loopback"'),
        ("name = 5", 1, "name", "at most 40 characters"),
        ('name = "a\\nb"', 1, "name", "on one line"),
        (f'name = "{"x" * 41}"', 1, "name", "at most 40 characters"),
        ('\n[calls]\nlifetime = "soon"', 3, "calls.lifetime", "seconds from 1 to 86400"),
        ("[calls]\n\nlifetime = 0", 3, "calls.lifetime", "seconds from 1 to 86400"),
        ("[calls]\nlifetime = true", 2, "calls.lifetime", "seconds from 1 to 86400"),
        ("[calls]\nlifetime = 60.5", 2, "calls.lifetime", "seconds from 1 to 86400"),
        ("[calls]\nlifetime = 2020-01-01", 2, "calls.lifetime", "seconds from 1 to 86400"),
        ('[calls] # x\nunknown = "block"', 2, "calls.unknown", '"ring" or "ignore"'),
        ("calls.at_once = 99", 1, "calls.at_once", "from 1 to 16"),
        ("calls = {at_once = 99}", 1, "calls.at_once", "from 1 to 16"),
        ("name = 'A'\ncalls = 5", 2, "calls", "[calls]"),
        ("[[calls]]\nlifetime = 5", 1, "calls", "[calls]"),
        ('[answer]\nendpoint = "mirror"', 2, "answer.endpoint", '"pattern", "echo", "file", "recorder" or "none"'),
        ('[answer]\nendpoint = "file"', 2, "answer.endpoint", "[media]"),
        ('[answer]\nendpoint = "camera"', 2, "answer.endpoint", "[camera]"),
        ("[answer]\nmachine_after = -1", 2, "answer.machine_after", "seconds from 0 to 600"),
        ('[devices]\nsound = "alsa"', 2, "devices.sound", '"pulse" or "portaudio"'),
        ('[devices]\nmicrophone = " a"', 2, "devices.microphone", "name of a microphone"),
        ('[devices]\ncamera = "video0"', 2, "devices.camera", '"/dev/video0"'),
        ('[devices]\nlan = "192.168.1"', 2, "devices.lan", '"192.168.1.5"'),
        ('[devices]\nlan = "127.0.0.1"', 2, "devices.lan", '"192.168.1.5"'),
        ('[camera]\naddress = "192.168.1.20"', 2, "camera.address", "rtsp://"),
        ('[camera]\naddress = "file:///etc/passwd"', 2, "camera.address", "rtsp://"),
        ('[camera]\naddress = "rtsp://"', 2, "camera.address", "rtsp://"),
        ('[camera]\naddress = "rtsp://[::1"', 2, "camera.address", "rtsp://"),
        ('[machine]\ngreeting = "~no-such-user/hello.wav"', 2, "machine.greeting", "path of a file"),
        ("[machine]\nlongest = 0", 2, "machine.longest", "seconds from 1 to 3600"),
        ('[media]\nfile = "a\\u0000b"', 2, "media.file", "path of a file"),
        ('[media]\nfile = "~no-such-user/film.webm"', 2, "media.file", "path of a file"),
        ("[media]\nrecord_to = []", 2, "media.record_to", "path of a folder"),
        ("[media]\nwidth = 641", 2, "media.width", "even number of pixels"),
        ("[media]\nheight = 4000", 2, "media.height", "even number of pixels"),
        ("[media]\nfps = 0", 2, "media.fps", "from 1 to 60"),
        ('[staex]\napi = "127.0.0.1"', 2, "staex.api", "http://127.0.0.1:9377"),
        ('[staex]\napi = "http://[::1"', 2, "staex.api", "http://127.0.0.1:9377"),
        ('[staex]\napi = "http://127.0.0.1:99999"', 2, "staex.api", "http://127.0.0.1:9377"),
        ('[staex]\ncommand = "mcc"', 2, "staex.command", "list of words"),
        ('[staex]\ncommand = ["mcc", ""]', 2, "staex.command", "list of words"),
        ('[staex]\nallow_remote_api = "yes"', 2, "staex.allow_remote_api", "true or false"),
        ('[staex]\nrange = ["10.83.0.0/33"]', 2, "staex.range", "address ranges"),
        ('[staex]\nrange = ["10.83.0.1/16"]', 2, "staex.range", "address ranges"),
        ("[yggdrasil]\nadmin = 1", 2, "yggdrasil.admin", "unix:///"),
    ],
)
def test_a_wrong_value_is_named_by_line_key_and_what_is_expected(text: str, line: int, key: str, expected: str) -> None:
    error = mistake(text)
    assert (error.line, error.key) == (line, key)
    assert f"{HERE}, line {line}:" in error.sentence
    assert key in error.sentence
    assert expected in error.hint


@pytest.mark.parametrize(
    ("text", "line", "key", "suggestion"),
    [
        ('overlai = "staex"', 1, "overlai", "Did you mean overlay?"),
        ("[calls]\nlifetme = 5", 2, "calls.lifetme", "Did you mean calls.lifetime?"),
        ("[call]\nlifetime = 5", 1, "call", "Did you mean calls?"),
        ("Overlay = 'auto'", 1, "Overlay", "Did you mean overlay?"),
        ("lifetime = 5", 1, "lifetime", "Did you mean calls.lifetime?"),
        ("[overlay.staex]\napi = 'x'", 1, "overlay", '"staex"'),
        ("[calls]\nzebra = 1", 2, "calls.zebra", "lifetime, unknown, at_once"),
        ('[calls]\n"\\u001b[31m" = 1', 2, "calls.\x1b[31m", "lifetime, unknown, at_once"),
    ],
)
def test_an_unknown_key_is_an_error_that_suggests_the_nearest_one(
    text: str, line: int, key: str, suggestion: str
) -> None:
    error = mistake(text)
    assert (error.line, error.key) == (line, key)
    assert suggestion in error.hint
    assert error.sentence.isprintable()


def test_of_several_mistakes_the_first_in_the_file_is_named() -> None:
    error = mistake("name = ''\n[media]\nfps = 'x'\nfpz = 1\n[calls]\nat_once = 'x'")
    assert (error.line, error.key) == (3, "media.fps")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = Anna", 1),
        ("name = ''\n\noverlay = staex\n", 3),
        ("name = ''\n[calls\nlifetime = 1", 2),
        ("name = ''\nname = ''\n", 2),
        ("[calls]\n[answer]\n[calls]\n", 3),
        ("name = ''\n[staex]\ncommand = [\n  'mcc',\n", 4),
        ("name = 'a\n'", 1),
        (f"name = ''\nfps = {'9' * 5000}\noverlay = 'auto'", 2),
        (f"name = ''\n\nfps = {'[' * 5000}\noverlay = 'auto'", 3),
        ("\x00", 1),
    ],
)
def test_what_is_no_toml_is_named_by_its_line(text: str, line: int) -> None:
    error = mistake(text)
    assert error.line == line
    assert f"line {line}: this isn't valid TOML" in error.sentence


@pytest.mark.parametrize(
    "text", ['name = "Anna\noverlay = ""', 'name = "Anna', "name = 'Anna\n", 'name = """Anna\n', "name = '''A"]
)
def test_a_quote_that_is_not_closed_is_what_is_missing(text: str) -> None:
    assert mistake(text).sentence.endswith("this isn't valid TOML: the closing quote is missing.")


@pytest.mark.parametrize(
    "text", ["name = 'a\x01'", "name = 'a\x7f'", "name = 1\rlan = 2", "name = 'a' # \r x", 'name = "\\q"', "name = \\"]
)
def test_what_is_wrong_is_said_without_a_backslash_which_systemd_drops(text: str) -> None:
    assert "\\" not in mistake(text).sentence


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "copybara.toml"
    file.write_text('[media]\nfile = "films/one.webm"\nrecord_to = "/var/recordings"\n', encoding="utf-8")
    media = load(file).media
    assert media.file == str(tmp_path / "films" / "one.webm")
    assert media.record_to == "/var/recordings"


def test_a_password_in_a_mistyped_address_is_not_repeated() -> None:
    for address in ("rtps://admin:secret@192.168.1.20/", "rtsp://admin:secret @192.168.1.20/", "admin:secret"):
        error = mistake(f'[camera]\naddress = "{address}"')
        assert "secret" not in f"{error.sentence} {error.hint} {error}"


@pytest.mark.parametrize(
    ("host", "may"),
    [
        *((host, True) for host in ("localhost", "127.0.0.1:8081", "[::1]", "10.83.0.7", "[fd00::1]", "[200:1234::1]")),
        *((host, False) for host in ("bots.example", "bot-api:8081", "8.8.8.8", "[2001:4860::1]")),
        *((host, False) for host in ("[::ffff:8.8.8.8]", "127.1")),
    ],
)
def test_the_bots_token_goes_in_clear_to_no_server_elsewhere(host: str, may: bool) -> None:
    assert read_or_refuse(f'[telegram]\nbase_url = "https://{host}"\n') is None
    refused = read_or_refuse(f'[telegram]\nbase_url = "http://{host}"\n')
    assert (refused is None) is may
    hint = str(refused and refused.hint)
    assert may or "with http:// everybody on the way would read the bot's token" in hint
    assert may or "publish its port on this computer: http://127.0.0.1:8081" in hint


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ("https://example.org/copybara.git", True),
        ("ssh://git@example.org/copybara.git", True),
        ("file:///srv/copybara.git", False),
        ("http://example.org/copybara.git", False),
        ("git://example.org/copybara.git", False),
    ],
)
def test_a_friend_gets_the_program_by_no_way_on_which_it_could_be_exchanged(source: str, may: bool) -> None:
    refused = read_or_refuse(f'[invite]\nsource = "{source}"\n')
    assert (refused is None) is may
    assert may or "somebody on the way could give your friend another program" in str(refused and refused.hint)


def test_a_tilde_in_a_path_is_the_home_folder() -> None:
    assert parse('[media]\nfile = "~/one.webm"', HERE).media.file == os.path.expanduser("~/one.webm")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "copybara.toml"
    file.write_bytes("\ufeffname = 'Anna'\r\n[calls]\r\nlifetime = 5\r\n".encode())
    assert load(file).calls.lifetime == 5


def test_a_file_that_is_not_utf8_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "copybara.toml"
    file.write_bytes(b"# one\n# two\nname = '\xe4'\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.line == 3
    assert "UTF-8" in caught.value.sentence


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "folder"])
def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "copybara.toml"
    make(file)
    with pytest.raises(ConfigError, match="can't be read"):
        load(file)


def test_a_file_that_this_user_may_not_read_comes_with_the_command_that_changes_it() -> None:
    with reachable_folder() as folder:
        file = folder / "copybara.toml"
        file.touch(mode=0o200)
        with ordinary_user(folder, file), pytest.raises(ConfigError) as refused:
            load(file)
        assert refused.value.sentence == f"The configuration {file} can't be read: you may not read it."
        assert refused.value.hint == f"Run: chmod u+rwX {file}"
        file.chmod(0o400)
        with ordinary_user(folder, file):
            assert load(file) == Config()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["ring", "file", "loopback", "10.0.0.0/8", "~"]),
    lambda below: st.lists(below, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(["name", "overlay", "calls", "lifetime", "answer", "endpoint", "media", "file", "staex", "api"])


@given(st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=3), VALUES), max_size=5))
def test_every_document_is_read_or_refused_with_its_line(entries: list[tuple[list[str], Any]]) -> None:
    def written(value: Any) -> str:
        match value:
            case None:
                return "1979-05-27"
            case bool():
                return str(value).lower()
            case str():
                escaped = "".join(c if c in string.ascii_letters + "/.~" else f"\\U{ord(c):08X}" for c in value)
                return f'"{escaped}"'
            case list():
                return "[" + ", ".join(map(written, value)) + "]"
        return str(value)

    text = "\n".join(f"{'.'.join(keys)} = {written(value)}" for keys, value in entries)
    error = read_or_refuse(text)
    assert error is None or error.line in range(1, len(entries) + 1)


@given(st.text(st.characters(codec="utf-8"), max_size=200) | st.text("[]{}=.,#'\"\\\n ax1", max_size=60))
def test_every_text_is_read_or_refused_with_its_line(text: str) -> None:
    error = read_or_refuse(text)
    assert error is None or error.line in range(1, text.count("\n") + 2)


@pytest.mark.parametrize(
    "name",
    [
        "a\u00a0b.wav",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.webm",
        "\U0001f468\u200d\U0001f469.webm",
        "\U0001facd.webm",
        "a\u00adb",
        "a\u3000b",
    ],
)
def test_a_file_may_have_any_name_that_people_give_files(name: str) -> None:
    config = parse(f'[media]\nfile = "/films/{name}"\n[machine]\ngreeting = "{name}"\n', HERE)
    assert config.media.file == f"/films/{name}"
    assert config.machine.greeting == str(HERE.parent / name)


@pytest.mark.parametrize(
    "name",
    [
        "Anna\u00a0Maria",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    ],
)
def test_a_person_and_a_device_may_have_names_in_every_script(name: str) -> None:
    config = parse(f'name = "{name}"\n[devices]\nmicrophone = "{name}"\n', HERE)
    assert config.name == config.devices.microphone == name


@pytest.mark.parametrize("name", ["\u3164", "\u202eanna", "anna\u200b", "\u2800"])
def test_a_name_that_nobody_sees_is_refused(name: str) -> None:
    assert mistake(f'name = "{name}"').key == "name"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("name = \u201cAnna\u201d", "Write straight quotes"),
        ("name\xa0= 'Anna'", "a character that only looks like a space, U+00A0 NO-BREAK SPACE."),
        ("[calls]\nlifetime = 10\u202f", "U+202F NARROW NO-BREAK SPACE."),
        ("\u200bname = 'Anna'", "U+200B ZERO WIDTH SPACE."),
        ("name = 'Anna'\nname = 'Bob'", "It is there twice"),
        ("[calls]\n[calls]", "It is there twice"),
        ("name = Anna", "Text needs quotes"),
        ("name = 'Anna", "ends with the quote that it begins with"),
    ],
)
def test_the_hint_says_what_makes_a_line_unreadable(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, Path("copybara.toml"))
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'name = "anna"\roverlay = "loopback"\r', "line ends of Linux"),
        ('name = "anna"\n'.encode("utf-16-le"), "UTF-8, without a zero byte"),
        (b'name = "anna"\n\x1a', "nobody sees there, U+001A"),
        (b'name = \x1b"anna"\n', "nobody sees there, U+001B"),
        (b"#" * (1024 * 1024 + 1), "larger than 1024 KiB"),
        (b'name\xc2\xa0= "anna"\n', "U+00A0"),
    ],
    ids=["old Mac", "UTF-16", "end of DOS", "escape", "huge", "no-break space"],
)
def test_what_an_editor_may_leave_in_the_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "copybara.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert said in f"{caught.value.sentence} {caught.value.hint}"


@pytest.mark.parametrize(
    "content", [b'\tname\t=\t"anna"\t\r\n', b'\xef\xbb\xbfname = "anna"\r\n'], ids=["tabs", "mark"]
)
def test_what_windows_writes_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copybara.toml").write_bytes(content)
    assert load(tmp_path / "copybara.toml").name == "anna"


@pytest.mark.parametrize("target", ["/dev/zero", "fifo", "nowhere", "copybara.toml"])
def test_what_is_no_file_is_refused_at_once_and_not_taken_for_none(tmp_path: Path, target: str) -> None:
    home = Home(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    home.own_config.symlink_to(target)
    assert home.config == home.own_config
    with pytest.raises(ConfigError):
        load(home.config)
