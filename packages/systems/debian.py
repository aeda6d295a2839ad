"""The disk of a fresh Debian, made once and kept: what its installer leaves without desktop, and a user.

The user may become root with sudo and no password, because nobody is there to type one. Certificates and pip's settings
are this machine's, which may reach the package indexes in a way of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13"}

KEPT = Path(__file__).parents[2] / ".debian_cache"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")

INSTALLED = (
    *("systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd"),
    *("sudo", "ca-certificates", "iproute2", "procps", "netbase"),
)

USER = "anna"

OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
PIP_SETTINGS = Path("/etc/pip.conf")

NAME_SERVER = "10.0.2.3"
"Where a machine's names come from: slirp4netns answers there."


def disk(release: str) -> Path:
    """The folder with that release as it was installed. Made the first time, which takes two to three minutes."""
    made = KEPT / release
    if made.exists():
        return made
    KEPT.mkdir(exist_ok=True)
    unfinished = KEPT / f"{release}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", release, str(unfinished), MIRROR)
    _complete(unfinished)
    unfinished.rename(made)
    return made


def _complete(root: Path) -> None:
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    install(root, *INSTALLED)
    for certificate in OWN_CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, root / "usr/local/share/ca-certificates")
    _run("chroot", str(root), "update-ca-certificates")
    if PIP_SETTINGS.exists():
        shutil.copy(PIP_SETTINGS, root / "etc" / "pip.conf")
    _run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", USER)
    (root / "etc/sudoers.d/nobody-types").write_text("%sudo ALL=(ALL) NOPASSWD: ALL\n")
    (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
    # Not "uninitialized": then systemd would ask for a name and a password.
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("fresh\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost fresh\n::1 localhost\n")


def install(root: Path, *packages: str) -> None:
    """Debian's packages, into a root that isn't booted, over this machine's network."""
    _run("chroot", str(root), "apt-get", "update", "-q")
    options = ("-q", "-y", "--no-install-recommends")
    _run("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *options, *packages)


@contextmanager
def copy_of(release: str, folder: Path) -> Iterator[Path]:
    """A disk like it that may be changed, in `folder`, while the block runs. Only what is changed takes space."""
    upper, work, root = (folder / name for name in ("changed", "work", "root"))
    for each in (upper, work, root):
        each.mkdir(parents=True)
    where = f"lowerdir={disk(release)},upperdir={upper},workdir={work}"
    _run("mount", "-t", "overlay", "overlay", "-o", where, str(root))
    try:
        yield root
    finally:
        _run("umount", "--recursive", "--lazy", str(root))
        shutil.rmtree(upper)
        shutil.rmtree(work)


def missing() -> list[str]:
    """The programs that this needs and that aren't here."""
    needed = ("debootstrap", "systemd-nspawn", "slirp4netns", "nsenter", "ip", "setpriv")
    return [program for program in needed if not shutil.which(program)]


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
