"""An emulated machine with a camera, for machines without one: Debian's kernel with its driver vivid, in QEMU.

It can read the files of this machine, so the same Python and the same ffmpeg run in it. It is emulated, not
virtualised: that works wherever a process can run, and takes half a minute.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import need

ROOT = Path(__file__).parents[3]
KERNEL = ROOT / "tests" / ".kernel_cache"

SECONDS = 250.0

DRIVERS = ("virtio_pci", "9pnet_virtio", "9p", "vivid")

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devices /dev
for driver in /drivers/*; do /bin/busybox insmod $driver; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 files /files
/bin/busybox mount --move /dev /files/dev
/bin/busybox mount -t proc processes /files/proc
/bin/busybox mount -t tmpfs own /files/run
export PATH={path} HOME=/run TMPDIR=/run PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={python_path}
/bin/busybox chroot /files /bin/sh -c {command}
/bin/busybox reboot -f
"""


def need_machine() -> None:
    """Skip a test if this machine can't start the emulated one."""
    need("qemu-system-x86_64", "busybox", "modprobe", packages="qemu-system-x86, busybox-static, kmod")
    if not KERNEL.exists():
        pytest.skip("needs the kernel that tests/system-packages unpacks")


async def run_inside(script: Path, folder: Path) -> Any:
    """Run a Python script in the machine, and return the flat JSON object that it prints. `folder` is for our files."""
    ramdisk = folder / "ramdisk"
    ramdisk.write_bytes(gzip.compress(_archive(_files(script)), 1))
    (kernel,) = (KERNEL / "boot").glob("vmlinuz-*")
    process = await asyncio.create_subprocess_exec(
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "768", "-smp", "2"),
        *("-nographic", "-no-reboot", "-nic", "none", "-kernel", str(kernel), "-initrd", str(ramdisk)),
        *("-append", "console=ttyS0 quiet panic=1"),
        *("-virtfs", "local,path=/,mount_tag=files,security_model=none,readonly=on,multidevs=remap"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said = (await process.communicate())[0].decode(errors="replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    # Output of the machine's boot stands before the object in the same line.
    _, begin, line = said.rpartition("{")
    assert begin, said[-3000:]
    return json.loads(begin + line.partition("\n")[0])


def _files(script: Path) -> dict[str, bytes]:
    """The content of the RAM disk from which the machine starts."""
    # The first read of ffmpeg goes through the emulation and takes longer than a camera's start may.
    command = f"ffmpeg -version >/dev/null; {shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    init = INIT.format(
        path=shlex.quote(os.environ["PATH"]),
        python_path=shlex.quote(os.pathsep.join([str(ROOT), *sys.path])),
        command=shlex.quote(command),
    )
    files = {"init": init.encode(), "bin/busybox": Path(shutil.which("busybox") or "").read_bytes()}
    (version,) = (KERNEL / "lib" / "modules").iterdir()
    paths: dict[str, None] = {}
    for driver in DRIVERS:
        command_line = ("modprobe", "--dirname", KERNEL, "--set-version", version.name, "--show-depends", driver)
        listing = subprocess.run(command_line, check=True, capture_output=True, text=True).stdout
        listed = (line.split() for line in listing.splitlines())
        paths |= {words[1]: None for words in listed if words[0] == "insmod"}
    for number, path in enumerate(paths):
        files[f"drivers/{number:02}.ko"] = Path(path).read_bytes()
    return files


def _archive(files: dict[str, bytes]) -> bytes:
    """A cpio archive in the format "newc" that Linux unpacks (its Documentation, buffer-format.rst)."""
    entries = [(folder, 0o040755, b"") for folder in ("bin", "dev", "drivers", "files")]
    entries += [(name, 0o100755, data) for name, data in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(*entry, number) for number, entry in enumerate(entries, 1))


def _entry(name: str, mode: int, data: bytes, inode: int) -> bytes:
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
