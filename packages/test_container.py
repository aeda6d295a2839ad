"""The image is built by its Dockerfile, and what runs in it is a user without rights that keeps its home in the volume.

No registry is asked: a fresh Debian from debootstrap has the place of Debian's own image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from packages.systems.debian import USER, copy_of, missing

REPOSITORY = Path(__file__).parents[1]
BASE, IMAGE = "localhost/copybara-test-debian", "localhost/copybara-test"

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.geteuid() != 0 or bool(missing()) or shutil.which("buildah") is None, reason="needs root, and buildah"
    ),
]


def buildah(*words: str | Path) -> str:
    done = subprocess.run(["buildah", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout.strip()


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    """An image like Debian's."""
    with copy_of("trixie", tmp_path / "disk") as root:
        subprocess.run(["chroot", root, "userdel", "--remove", USER], check=True, capture_output=True)
        container = buildah("from", "scratch").splitlines()[-1]
        buildah("add", "--quiet", container, f"{root}/", "/")
        buildah("commit", "--quiet", container, BASE)
        buildah("rm", container)
    yield BASE
    buildah("rmi", "--force", BASE)


def test_the_image_is_built_and_its_program_has_no_rights(base: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, source], check=True)
    network = ("--isolation=chroot", "--network=host")
    buildah("bud", "--quiet", "--pull-never", *network, "--build-arg", f"DEBIAN={base}", "--tag", IMAGE, source)
    container = buildah("from", "--pull-never", IMAGE).splitlines()[-1]
    try:
        configured = json.loads(buildah("inspect", container))["OCIv1"]["config"]
        assert configured["User"] == "copybara"
        assert configured["Entrypoint"] == ["copybara"]
        assert configured["Volumes"] == {"/var/lib/copybara": {}}

        def run(*words: str) -> str:
            return buildah("run", "--isolation=chroot", "--network=host", "--user=copybara", container, "--", *words)

        assert run("id", "-u") == "1000"
        head = subprocess.run(["git", "-C", source, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True)
        said = run("copybara", "--version")
        assert head.stdout.strip() in said
        assert ".d20" not in said  # nothing of the repository is missing in the image
        # A whole call, and a home in the volume.
        assert '"video' in run("copybara", "demo", "--json")
        run("copybara", "setup", "--yes", "--name", "Anna", "--overlay", "loopback")
        assert "copybara.toml" in run("ls", "/var/lib/copybara")
        with pytest.raises(AssertionError, match="denied"):
            run("touch", "/opt/copybara/bin/copybara")
        with pytest.raises(AssertionError, match=r"(?i)no such file|not found"):
            run("/opt/copybara/bin/pip", "--version")
    finally:
        buildah("rm", container)
        buildah("rmi", "--force", IMAGE)
