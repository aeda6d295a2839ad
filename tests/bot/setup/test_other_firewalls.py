"""What is said of firewalls that others have set up: ufw, firewalld, and services that load somebody's rules."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from bot.cli.doctor import summary
from bot.cli.doctor.check import Check
from bot.cli.doctor.firewall import firewalled
from bot.cli.setup.yggdrasil.firewall import Loaded
from bot.cli.setup.yggdrasil.other_firewalls import NAMES, firewalls
from peer.overlay.choose import Finding

YGGDRASIL = Finding("yggdrasil", address=ip_address("200::1"), interface="ygg0")
STAEX = Finding("staex", address=ip_address("10.83.0.1"), interface="mcc")

SYSTEMCTL = """#!/bin/sh
shift
for unit; do if [ -e {folder}/active/$unit ]; then echo active; else echo inactive; fi; done
"""

DEBIANS = """#!/usr/sbin/nft -f

flush ruleset

table inet filter {
  chain input {
    type filter hook input priority filter;
  }
}
"""
"/etc/nftables.conf as Debian's package brings it."


class Computer:
    """A folder that stands for a computer's root. Its systemd runs what `runs` was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "active").mkdir()
        self.writes("etc/default/ufw", 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n')

    def runs(self, unit: str) -> None:
        (self.root / "active" / unit).touch()

    def writes(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def checks(self, taken: Finding = YGGDRASIL) -> dict[str, Check]:
        return {check.name: check for check in firewalled(taken, self.root)}


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL.format(folder=tmp_path))
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return Computer(tmp_path)


def test_where_no_firewall_is_on_the_doctor_says_that_the_overlay_is_open(computer: Computer) -> None:
    computer.writes("etc/ufw/ufw.conf", "# Set to yes to start on boot.\nENABLED=no\n")
    (found,) = computer.checks().values()
    assert (found.name, found.ok, found.note) == ("firewall", True, True)
    assert found.detail == Loaded.NONE.value.format(device="ygg0")
    assert "copybara setup overlay" in found.hint
    assert "nft list ruleset" in found.hint


def test_the_rules_are_not_offered_for_an_overlay_that_they_are_not_for(computer: Computer) -> None:
    (found,) = computer.checks(STAEX).values()
    assert (found.name, found.ok, found.note) == ("firewall", True, False)
    assert "no firewall program is on" in found.detail
    assert "nft list ruleset" in found.hint


def test_calls_within_one_machine_concern_no_firewall(computer: Computer) -> None:
    computer.runs("firewalld.service")
    assert computer.checks(Finding("loopback", address=ip_address("127.1.2.3"), interface="lo")) == {}


def test_without_systemd_the_doctor_says_that_it_cant_see_them(
    computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    (found,) = computer.checks().values()
    assert (found.ok, found.note) == (True, True)
    assert found.detail.startswith("can't be seen from here")
    assert "nft list ruleset" in found.hint


@pytest.mark.parametrize("taken", [YGGDRASIL, STAEX])
def test_of_ufw_the_doctor_says_that_only_root_sees_its_rules_and_how_to_let_calls_in(
    computer: Computer, taken: Finding
) -> None:
    computer.writes("etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")
    ufw = computer.checks(taken)["ufw"]
    assert (ufw.ok, ufw.note) == (True, True)
    assert "only root can see its rules" in ufw.detail
    assert "ufw status" in ufw.hint
    assert f"ufw allow in on {taken.interface} to any port " in ufw.hint
    assert summary([ufw]) == "Nothing that can be seen here prevents calls. Only root can see whether ufw does."


def test_ufw_that_refuses_all_ipv6_stops_calls_over_yggdrasil_and_none_over_staex(computer: Computer) -> None:
    computer.writes("etc/ufw/ufw.conf", "ENABLED=yes\n")
    computer.writes("etc/default/ufw", '# (no means only IPv6 on loopback accepted)\nIPV6="no"\n')
    ufw = computer.checks()["ufw"]
    assert not ufw.ok
    assert ufw.detail.startswith("refuses all IPv6, so no call gets through")
    assert "ufw enable" in ufw.hint
    assert summary([ufw]) == "Calls can't be made yet. First look at: ufw."
    assert computer.checks(STAEX)["ufw"].ok


def test_ufw_that_lets_in_what_no_rule_refuses_is_no_obstacle(computer: Computer) -> None:
    computer.writes("etc/ufw/ufw.conf", "ENABLED=yes\n")
    computer.writes("etc/default/ufw", 'IPV6=yes\nDEFAULT_INPUT_POLICY="ACCEPT"\n')
    assert list(computer.checks()) == ["firewall"]


@pytest.mark.parametrize(
    ("unit", "look"),
    [
        ("firewalld.service", "firewall-cmd --list-all"),
        ("nftables.service", "nft list ruleset"),
        ("netfilter-persistent.service", "nft list ruleset"),
        ("ip6tables.service", "ip6tables-save"),
    ],
)
def test_of_a_service_that_loads_rules_the_doctor_names_the_command_to_look(
    computer: Computer, unit: str, look: str
) -> None:
    computer.runs(unit)
    name = unit.removesuffix(".service")
    found = computer.checks()[name]
    assert name in NAMES
    assert (found.ok, found.note) == (True, True)
    assert "If they let no calls in on ygg0" in found.detail
    assert look in found.hint
    assert "copybara manual overlays" in found.hint


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (DEBIANS, False),
        (f"{DEBIANS}# drop nothing\n", False),
        (DEBIANS.replace("priority filter;", "priority filter; policy drop;"), True),
        (f'{DEBIANS}include "/etc/nftables.d/*.nft"\n', True),
    ],
)
def test_the_rules_that_debian_brings_stop_nothing(computer: Computer, rules: str, named: bool) -> None:
    computer.runs("nftables.service")
    computer.writes("etc/nftables.conf", rules)
    assert [each.name for each in firewalls("ygg0", ipv6=True, root=computer.root)] == ["nftables"] * named
