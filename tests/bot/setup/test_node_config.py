"""What a Yggdrasil node's configuration becomes, what may stand in it as a peer, and which public peers are offered."""

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

from bot.as_root import as_root, may_use_sudo
from bot.asking import Answers, Asking
from bot.cli.setup.yggdrasil import firewall, for_root, node_config, plan, public_peers
from bot.cli.setup.yggdrasil.install import only_shown
from bot.cli.setup.yggdrasil.root import Step, numbered
from bot.wrapping import wrapped
from peer.overlay.yggdrasil_peers import peers_in
from shared.errors import InputError, OverlayError
from tests.programs import need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

KEY = "0123456789abcdef" * 4
PEER = f"tls://peer.example:12345?key={KEY}"

NEW_05: dict[str, Any] = {
    "PrivateKey": KEY * 2,
    "Peers": [],
    "InterfacePeers": {},
    "Listen": [],
    "AdminListen": "unix:///var/run/yggdrasil/yggdrasil.sock",
    "MulticastInterfaces": [
        {"Regex": ".*", "Beacon": True, "Listen": True, "Port": 0, "Priority": 0, "Password": ""},
    ],
    "AllowedPublicKeys": [],
    "IfName": "auto",
    "IfMTU": 65535,
    "NodeInfoPrivacy": False,
    "NodeInfo": {},
}
"What 0.5.12 writes with -genconf -json."

NEW_04 = {**NEW_05, "PublicKey": KEY, "NodeInfo": None}


@pytest.mark.parametrize("new", [NEW_04, NEW_05], ids=["0.4", "0.5"])
def test_a_new_node_is_silent_has_a_named_device_and_the_peers(new: dict[str, Any]) -> None:
    after = node_config.changed(node_config.parsed(json.dumps(new)), [PEER])
    assert after["Peers"] == [PEER]
    assert after["MulticastInterfaces"] == []
    assert (after["IfName"], after["NodeInfoPrivacy"]) == ("ygg0", True)
    assert after["PrivateKey"] == new["PrivateKey"]
    assert node_config.changed(after, [PEER]) == after, "twice is as good as once"
    assert node_config.is_of_05(after) == (new is NEW_05)


def test_what_somebody_has_set_up_stays() -> None:
    own = {**NEW_05, "Peers": ["tcp://mine.example:1"], "IfName": "mine"}
    after = node_config.changed(own, [PEER])
    assert after == {**own, "Peers": ["tcp://mine.example:1", PEER]}
    listens = {**NEW_05, "Listen": ["tls://[::]:1"], "IfName": "none"}
    assert node_config.changed(listens, []) == {**listens, "IfName": "ygg0"}, "without a device there are no calls"


def test_the_changes_that_are_shown_hold_no_key() -> None:
    lines = node_config.differences(NEW_05, {**node_config.changed(NEW_05, [PEER]), "PrivateKey": "other"})
    assert any(line.startswith("Peers: ") for line in lines)
    assert "PrivateKey" not in "".join(lines)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"Peers": []}', "[" * 100_000, "1" * 5000])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(OverlayError):
        node_config.parsed(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), st.lists(st.just(PEER)))
def test_odd_settings_are_no_reason_to_fail(odd: object, more: list[str]) -> None:
    settings = {**NEW_05, "Peers": odd, "Listen": odd, "IfName": odd}
    after = node_config.changed(settings, more)
    assert node_config.changed(after, more)["Peers"] == after["Peers"]
    node_config.device_of(after)


def test_the_real_node_reads_what_we_write() -> None:
    need("yggdrasil", packages="yggdrasil")
    new = subprocess.run(["yggdrasil", "-genconf"], capture_output=True, check=True, text=True).stdout
    assert "#" in new, "HJSON with comments"
    command = ["yggdrasil", "-useconf", "-normaliseconf", "-json"]
    read = subprocess.run(command, input=new, capture_output=True, check=True, text=True).stdout
    after = node_config.changed(node_config.parsed(read), [PEER])
    again = subprocess.run(command, input=node_config.as_text(after), capture_output=True, check=True, text=True).stdout
    assert json.loads(again) == after


@pytest.mark.parametrize(
    "text",
    [PEER, "tcp://1.2.3.4:1", "tls://[2001:db8::1]:65535", "quic://a-b.example:443", "wss://a.example:443/path?sni=b"],
)
def test_a_peer_is_a_uri_that_the_node_can_dial(text: str) -> None:
    assert peers_in(f' "{text}",\n') == [text]
    assert peers_in(f'copybara setup --peers "{text}"\n') == [text], "as a friend's invitation has it"
    assert peers_in(f"`copybara setup --peers='{text} {PEER}'`") == [text, PEER]


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
        ),
    ],
)
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        peers_in(text)


@given(st.text())
def test_any_text_is_peers_or_one_error(text: str) -> None:
    try:
        found = peers_in(text)
    except InputError:
        return
    assert all("://" in peer for peer in found)


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
    done = plan.NodeMachine(installed=True, has_nft=True, user="anna", in_group=True)
    assert plan.install(done) == []
    assert plan.join_group(done) == []
    new = plan.NodeMachine(installed=False, has_nft=True, user="anna; reboot", in_group=False)
    (step,) = plan.install(new)
    assert step.script.endswith(" yggdrasil")
    (step,) = plan.join_group(new)
    assert step.script.endswith("'anna; reboot'")


def test_the_configuration_that_is_written_isnt_shown() -> None:
    step = plan.write_config(node_config.as_text(NEW_05), ["Peers: []"])
    assert KEY not in step.shown(sudo=True)
    assert KEY in step.content


def test_every_step_can_be_read_at_a_glance_and_typed_as_it_is_shown(tmp_path: Path) -> None:
    machine = plan.NodeMachine(installed=False, has_nft=False, user="anna", in_group=False)
    steps = [
        *(*plan.install(machine), plan.make_config(), plan.read_config(), plan.write_config("", ["Peers: []"])),
        *(*plan.load_rules("ygg0", "32768-60999"), plan.keep_key(), plan.start_node(), *plan.join_group(machine)),
    ]
    for step in steps:
        assert max(map(len, step.script.splitlines())) < 140, step.why
        assert all(line == line.rstrip() for line in step.shown(sudo=True).splitlines())
    (join,) = plan.join_group(machine)
    assert join.shown(sudo=False) == "usermod --append --groups yggdrasil anna"
    assert join.shown(sudo=True) == "sudo usermod --append --groups yggdrasil anna"
    # A shell takes what is shown for the same commands; here sudo is one that does nothing but run them.
    (tmp_path / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    step = Step("Write it.", f"umask 077\ncat > {tmp_path}/written\necho 'it is' \"done\"", content="one\ntwo\n")
    ended = subprocess.run(
        ["sh", "-c", step.shown(sudo=True)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "it is done\n"
    assert (tmp_path / "written").read_text() == "one\ntwo\n"


def test_what_will_be_done_is_wrapped_in_a_narrow_terminal() -> None:
    steps = [plan.write_config("", ["its peers"]), plan.change_config([PEER]), plan.start_node()]
    for line in numbered(steps):
        first, *more = wrapped(line, 60).splitlines()
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
    assert "python3 - /etc/yggdrasil/yggdrasil.conf.new << 'CHANGE'\n" in printed
    assert f'\npeers = [\n    "{PEER}",\n]\n' in printed, "no argument, which others on the computer could read"
    assert max(map(len, printed.splitlines())) < 140, "it can be read"
    assert printed.count("cat >") == printed.count("<<'END'")
    assert "-normaliseconf -json > /etc/yggdrasil/yggdrasil.conf.new\n" in printed, "the node's private key stays there"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"Peers": ["tls://there:1"], "IfName": "auto"},
        {"Peers": ["tls://there:1", PEER], "IfName": "none"},
        {"Listen": ["tls://[::]:1"], "IfName": "none"},
    ],
)
def test_root_makes_the_same_changes_without_us(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Somebody who can't become root may not read the configuration, so the script for an administrator changes it."""
    need("yggdrasil", packages="yggdrasil")
    if os.geteuid():
        pytest.skip("only root can give a file to the node's user")
    config = tmp_path / "yggdrasil.conf"
    carried_out(plan.make_config(str(config)))
    config.write_text(json.dumps(json.loads(config.read_text()) | settings))
    read = ["sh", "-ec", plan.read_config(str(config)).script]
    before = json.loads(subprocess.run(read, capture_output=True, check=True).stdout)
    carried_out(plan.change_config([PEER], str(config)))
    assert json.loads(config.read_text()) == node_config.changed(before, [PEER])
    assert config.stat().st_mode & 0o777 == 0o600
    carried_out(plan.change_config([], str(config)))
    assert json.loads(config.read_text()) == node_config.changed(before, [PEER])


def test_nobody_but_the_node_can_read_its_key_whatever_was_there_before(tmp_path: Path) -> None:
    need("yggdrasil", packages="yggdrasil")
    if os.geteuid():
        pytest.skip("only root can give a file to the node's user")
    config, owner = tmp_path / "yggdrasil.conf", pwd.getpwnam(plan.USER).pw_uid
    carried_out(plan.make_config(str(config)))
    assert (config.stat().st_mode & 0o777, config.stat().st_uid) == (0o600, owner)
    config.chmod(0o640)  # as a package leaves it
    carried_out(plan.write_config(config.read_text(), ["its peers"], str(config)))
    carried_out(plan.keep_key(str(config)))
    for file in tmp_path.iterdir():
        assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o600, owner), file
    assert len(list(tmp_path.iterdir())) == 2


def carried_out(step: Step) -> None:
    subprocess.run(["sh", "-ec", step.script], input=step.content, text=True, check=True)


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
