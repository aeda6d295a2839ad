"""The image and the compose file, checked as text, because building and running them takes minutes."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.bot.console import people

REPOSITORY = Path(__file__).parents[2]

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = (REPOSITORY / "compose.yaml").read_text()


def instructions(stage: str) -> list[tuple[str, str]]:
    return re.findall(r"^([A-Z]+) +(.+)$", stage, flags=re.MULTILINE)


def test_the_image_runs_as_a_user_without_rights_and_keeps_its_state_in_a_volume() -> None:
    final = instructions(DOCKERFILE.rpartition("\nFROM ")[2])
    (user,) = [value for word, value in final if word == "USER"]
    assert user == "copybara"
    names = [word for word, _ in final]
    assert names.index("USER") < names.index("ENTRYPOINT")
    (volume,) = [value for word, value in final if word == "VOLUME"]
    assert f"COPYBARA_HOME={volume}" in DOCKERFILE
    assert f"state:{volume}" in COMPOSE


async def test_the_health_check_says_whether_the_program_runs_and_prints_nothing(tmp_path: Path) -> None:
    (check,) = [value for word, value in instructions(DOCKERFILE) if word == "HEALTHCHECK"]
    command = check.partition("CMD ")[2]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    async def checked(home: Path) -> tuple[int | None, bytes]:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command),
            env={**os.environ, "PATH": programs, "COPYBARA_HOME": str(home)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode, printed

    async with people(tmp_path, "anna") as (anna,):
        assert await checked(anna.home) == (0, b"")
    assert await checked(tmp_path / "nobody") == (1, b"")


def test_what_the_image_copies_and_runs_exists() -> None:
    copied = [value.split() for word, value in instructions(DOCKERFILE) if word == "COPY"]
    for *sources, _ in copied:
        for source in sources:
            assert source.startswith(("--from=build", "/opt/copybara")) or (REPOSITORY / source).exists()
    (script,) = re.findall(r"packages/\w+", DOCKERFILE)
    assert (REPOSITORY / script).stat().st_mode & 0o111


def test_nothing_that_git_keeps_is_left_out_of_the_image() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    kept_out = {line.strip("/").removeprefix("**/").removesuffix("*") for line in ignored if line[:1] not in ("", "#")}
    not_kept = {line.strip("/").removesuffix("*") for line in (REPOSITORY / ".gitignore").read_text().splitlines()}
    assert kept_out <= not_kept


def test_the_container_gets_no_rights_and_the_hosts_network() -> None:
    for line in (
        "network_mode: host",
        "read_only: true",
        "cap_drop:\n      - ALL",
        "no-new-privileges:true",
        "/run/yggdrasil:/run/yggdrasil:ro",
    ):
        assert line in COMPOSE
    for line in ("privileged: true", "ports:", "docker.sock", "cap_add"):
        assert line not in COMPOSE
