"""Changes to a Yggdrasil node's configuration, the valid peers, and the public peers that are offered."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.setup.yggdrasil import firewall, for_root, plan, public_peers
from bot.cli.setup.yggdrasil.install import only_shown
from bot.cli.setup.yggdrasil.root import Step, numbered
from bot.terminal.as_root import as_root, may_use_sudo
from bot.terminal.asking import Answers, Asking
from bot.terminal.wrapping import wrapped
from peer.overlay.yggdrasil_peers import addresses_in, in_own_network, peers_in
from shared.errors import InputError, OverlayError
from tests.programs import need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

PACKAGE = Path(__file__).parents[3] / "packages" / "debian"

KEY = "0123456789abcdef" * 4
PEER = f"tls://peer.example:12345?key={KEY}"


@pytest.mark.parametrize(
    "text",
    [PEER, "tcp://1.2.3.4:1", "tls://[2001:db8::1]:65535", "quic://a-b.example:443", "wss://a.example:443/path?sni=b"],
)
def test_a_peer_is_a_uri_that_the_node_can_dial(text: str) -> None:
    assert peers_in(f' "{text}",\n') == [text]
    assert peers_in(f'copybara setup --peers "{text}"\n') == [text], "as a friend's invitation has it"
    assert peers_in(f"`copybara setup --peers='{text} {PEER}'`") == [text, PEER]


@pytest.mark.parametrize("port", ["0", "65536", "99999", "100000"])
def test_a_port_that_cannot_be_is_called_that(port: str) -> None:
    with pytest.raises(InputError, match=f"has the port {port}") as refused:
        peers_in(f"tls://192.0.2.1:{port}")
    assert "from 1 to 65535" in refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        *("peer.example:1", "http://a.example:1", "tls://a.example", "tls://a.example:0", "tls://a.example:65536"),
        *(f"tls://a.example:1?key={KEY[:-1]}", f"tls://a.example:1?key={KEY.upper()}x", "tls://a'b.example:1"),
        *(
            "copybara setup --peers ask",
            "copybara tls://a.example:1",
            'tls://a.example:1"]',
            "tls://$(id):1",
            "unix:///run/x",
            "tls://a.example:1 " * 17,
            "tls://ä.example:1",
            "tls://[1]:1",
            "tls://[10.0.0.1]:1",
        ),
    ],
)
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        peers_in(text)


def test_which_addresses_work_in_one_network_only() -> None:
    own = ["192.168.1.5", "10.0.0.1", "172.31.0.1", "127.0.0.1", "[fd00::1]", "[fe80::1]", "[::1]", "nas.local", "nas"]
    assert len(in_own_network(f"tls://{address}:1" for address in own)) == len(own)
    anywhere = ["peer.example", "203.0.113.7", "[2001:db8::7]", "172.32.0.1", "local.example"]
    assert not in_own_network(f"tls://{address}:1?key={KEY}" for address in anywhere)


@given(st.text())
def test_any_text_is_peers_or_one_error(text: str) -> None:
    try:
        found = peers_in(text)
    except InputError:
        return
    assert all("://" in peer for peer in found)


@given(st.from_regex(r"tls://(\[[0-9A-F:.]{0,12}\]|[a-z0-9._-]{1,8}):[0-9]{1,5}", fullmatch=True))
def test_of_each_peer_that_is_taken_an_invitation_can_say_where_it_is(text: str) -> None:
    try:
        peers = peers_in(text)
    except InputError:
        return
    assert len(addresses_in(peers)) == len(peers)


def test_public_peers_are_those_that_are_up_of_our_version_and_encrypted() -> None:
    raw = {
        "germany.md": {
            "tls://slow.example:1": {"up": True, "response_ms": 90, "proto_minor": 5, "key": KEY, "more": [1]},
            "tls://quick.example:1": {"up": True, "response_ms": 9.5, "proto_minor": 5},
            "tls://down.example:1": {"up": False, "response_ms": 1, "proto_minor": 5},
            "tls://old.example:1": {"up": True, "response_ms": 1, "proto_minor": 4},
            "tcp://clear.example:1": {"up": True, "response_ms": 1, "proto_minor": 5},
            "tls://bad.example:1; reboot": {"up": True, "response_ms": 1, "proto_minor": 5},
        },
        "new-zealand.md": {"tls://old.example:1": {"up": True, "proto_minor": 4}},
        "empty.md": {},
    }
    found = public_peers.by_country(json.dumps(raw).encode(), minor=5)
    assert {name: [peer.uri for peer in each] for name, each in found.items()} == {
        "germany": ["tls://quick.example:1", "tls://slow.example:1"]
    }
    assert list(public_peers.by_country(json.dumps(raw).encode(), minor=4)) == ["germany", "new zealand"]


@given(st.binary() | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps))
def test_any_answer_is_a_list_of_peers_or_one_error(raw: bytes | str) -> None:
    try:
        public_peers.by_country(raw.encode() if isinstance(raw, str) else raw, minor=5)
    except OverlayError:
        return


def test_nothing_is_done_that_is_done_already() -> None:
    done = plan.NodeMachine(missing=[], user="anna", in_group=True)
    assert plan.install(done) == []
    assert plan.join_group(done) == []
    new = plan.NodeMachine(missing=["yggdrasil"], user="anna; reboot", in_group=False)
    (step,) = plan.install(new)
    assert step.script.endswith(" yggdrasil")
    (step,) = plan.join_group(new)
    assert step.script.endswith("'anna; reboot'")


def test_what_will_be_done_is_wrapped_in_a_narrow_terminal() -> None:
    for line in numbered([plan.change_config([PEER]), plan.load_rules("32768-60999"), plan.start_node()]):
        first, *more = wrapped(line, 50).splitlines()
        assert max(map(len, (first, *more))) < 90, "only a path may be longer"
        assert more, "it goes on in another line"
        assert all(each.startswith("     ") for each in more), "below its beginning"


def test_what_only_root_may_do_is_shown_as_this_person_can_type_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with reachable_folder() as folder, ordinary_user(folder):
        monkeypatch.setenv("PATH", str(folder))
        assert as_root("apt remove yggdrasil") == "su - -c 'apt remove yggdrasil'"
        assert not may_use_sudo()
        for answer, may in ((1, False), (0, True)):
            (folder / "sudo").write_text(f"#!/bin/sh\nexit {answer}\n")
            (folder / "sudo").chmod(0o755)
            assert as_root("apt remove yggdrasil") == "sudo apt remove yggdrasil"
            assert may_use_sudo() is may


def test_what_is_printed_waits_for_no_input_and_shows_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    only_shown(Asking(Answers({"peers": PEER}, only_prints=True)))
    printed = capsys.readouterr().out
    assert subprocess.run(["sh", "-n"], input=printed, text=True, check=False).returncode == 0
    assert "python3 -I - /etc/yggdrasil/yggdrasil.conf.new << 'CHANGE'\n" in printed
    assert f'\npeers = [\n    "{PEER}",\n]\n' in printed, "no argument, which others on the computer could read"
    assert max(map(len, printed.splitlines())) < 140, "it can be read"
    assert "-normaliseconf -json > /etc/yggdrasil/yggdrasil.conf.new\n" in printed, "the node's private key stays there"


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({}, {**plan.ALONE, "Peers": [PEER]}),
        ({"Peers": ["tls://there:1"], "IfName": "mine0"}, {"Peers": ["tls://there:1", PEER]}),
        ({"Peers": ["tls://there:1", PEER], "IfName": "none"}, {"IfName": "ygg0"}),
        ({"Peers": ["tls://there:1", PEER], "IfName": "auto"}, {"IfName": "ygg0"}),
        ({"Listen": ["tls://[::]:1"], "IfName": "none"}, {"IfName": "ygg0", "Peers": [PEER]}),
    ],
    ids=["new", "has a peer", "has no device", "has a device without a name of its own", "listens"],
)
def test_a_new_node_is_silent_and_what_somebody_has_set_up_stays(
    tmp_path: Path, settings: dict[str, Any], changes: dict[str, Any]
) -> None:
    need("yggdrasil", packages="yggdrasil")
    if os.geteuid():
        pytest.skip("only root can give a file to the node's user")
    config = tmp_path / "yggdrasil.conf"
    carried_out(plan.make_config(str(config)))
    assert carried_out(plan.look_for_peers(str(config))) == "it has none\n"
    config.write_text(f"# HJSON, with a comment\n{json.dumps(json.loads(config.read_text()) | settings)}")
    as_read = ["yggdrasil", "-useconffile", str(config), "-normaliseconf", "-json"]
    before = json.loads(subprocess.run(as_read, capture_output=True, check=True).stdout)
    assert (carried_out(plan.look_for_peers(str(config))) == f"{plan.HAS_PEERS}\n") == ("Peers" in settings)
    carried_out(plan.change_config([PEER], str(config)))
    assert json.loads(config.read_text()) == before | changes
    assert config.stat().st_mode & 0o777 == 0o600
    for twice in ([PEER], []):
        carried_out(plan.change_config(twice, str(config)))
        assert json.loads(config.read_text()) == before | changes


def test_nobody_but_the_node_can_read_its_key_whatever_was_there_before(tmp_path: Path) -> None:
    need("yggdrasil", packages="yggdrasil")
    if os.geteuid():
        pytest.skip("only root can give a file to the node's user")
    config, owner = tmp_path / "yggdrasil.conf", pwd.getpwnam(plan.USER).pw_uid
    carried_out(plan.make_config(str(config)))
    assert (config.stat().st_mode & 0o777, config.stat().st_uid) == (0o600, owner)
    config.chmod(0o640)  # as a package leaves it
    carried_out(plan.change_config([PEER], str(config)))
    carried_out(plan.keep_key(str(config)))
    for file in tmp_path.iterdir():
        assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o600, owner), file
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("variable", ["PWD", "PYTHONPATH"])
def test_root_runs_no_module_from_the_folder_that_it_is_in_nor_from_a_users_path(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("yggdrasil", packages="yggdrasil")
    if os.geteuid():
        pytest.skip("only root can give a file to the node's user")
    config, foreign = tmp_path / "yggdrasil.conf", tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "json.py").write_text("raise SystemExit('a foreign module was run')\n")
    if variable == "PWD":
        monkeypatch.chdir(foreign)
    else:
        monkeypatch.setenv(variable, str(foreign))
    carried_out(plan.make_config(str(config)))
    carried_out(plan.change_config([PEER], str(config)))
    assert PEER in config.read_text()


def test_python_that_debians_package_runs_as_root_reads_no_module_of_a_users_path() -> None:
    for script in ("postinst", "prerm"):
        text = (PACKAGE / script).read_text()
        assert text.count("python3 -I ") == text.count("python3 "), script


def carried_out(step: Step) -> str:
    """Run a step. Returns its output."""
    return subprocess.run(["sh", "-e"], input=step.as_script(), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("installed", "candidate", "minor"),
    [("0.4.7-1+b4", "0.5.6-1", 4), ("(none)", "0.5.12-1", 5), ("(none)", "(none)", None)],
)
def test_which_peers_a_node_can_talk_to_is_known_from_its_package(
    installed: str, candidate: str, minor: int | None
) -> None:
    policy = f"yggdrasil:\n  Installed: {installed}\n  Candidate: {candidate}\n  Version table:\n"
    assert for_root.minor_in(policy) == minor
    assert for_root.minor_in("") is None


def test_nft_accepts_the_rules() -> None:
    need("nft", packages="nftables")
    rules = firewall.rules("ygg0", firewall.local_ports())
    checked = subprocess.run([shutil.which("nft") or "", "--check", "-f", "-"], input=rules, text=True, check=False)
    assert checked.returncode == 0


def test_the_ports_of_calls_are_the_systems(tmp_path: Path) -> None:
    source = tmp_path / "range"
    source.write_text("10000\t20000\n")
    assert firewall.local_ports(source) == "10000-20000"
    assert firewall.local_ports(tmp_path / "none") == "32768-60999"
