"""What docs/living-with-it.md says of the container, typed at a real Docker, beside a real Yggdrasil node."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from packages.systems.debian import USER, missing
from packages.systems.docker import ON_THE_HOSTS_NETWORK, DockerFailed, docker
from packages.systems.terminal import PROMPT
from tests.network.namespaces import three_hosts

REPOSITORY = Path(__file__).parents[1]
HOME = f"/home/{USER}"
PAGE = "http://127.0.0.1:8765/"
SECONDS_TO_BUILD = 1200.0

pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason=f"needs root, and {', '.join(missing())}"),
]


def documented() -> list[str]:
    """The lines of the page's section on the container."""
    text = (REPOSITORY / "docs" / "living-with-it.md").read_text()
    (block,) = re.findall(r"^## In a container\n\n```\n(.*?)```$", text, re.MULTILINE | re.DOTALL)
    return str(block).splitlines()


async def test_compose_builds_and_runs_the_program_without_rights_and_keeps_its_home(tmp_path: Path) -> None:
    async with three_hosts() as hosts, docker(hosts.b, tmp_path) as host:
        source = host.root / "home" / USER / "source"
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, source], check=True)
        await host.run(f"chown -R {USER}: {HOME}")
        # Compose reads it beside compose.yaml: the daemon has no bridge here.
        (host.root / "host.yaml").write_text(ON_THE_HOSTS_NETWORK)

        def type_all() -> str:
            terminal = host.log_in()
            try:
                for line in ("cd source", "export COMPOSE_FILE=compose.yaml:/host.yaml", *documented()):
                    terminal.begin(line)
                    said = terminal.until(re.escape(PROMPT), seconds=SECONDS_TO_BUILD)
                return said
            finally:
                terminal.close()

        said = await asyncio.to_thread(type_all)
        assert f"{PAGE}#key=" in said, said[-3000:]

        async def inside(line: str) -> str:
            return await host.run(f"cd {HOME}/source && docker compose exec -T copybara {line}")

        assert await inside("id -u") == await host.run(f"id -u {USER}")
        head = subprocess.run(["git", "-C", source, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True)
        version = await inside("copybara --version")
        assert head.stdout.strip() in version
        assert ".d20" not in version  # nothing of the repository is missing in the image
        assert "# Overlays" in await inside("copybara manual overlays")
        doctor = json.loads(await inside("sh -c 'copybara doctor --json || :'"))
        assert [check for check in doctor["checks"] if check["name"] == "self call" and check["ok"]], doctor
        # The page lets in the user that the image was built for, and nobody else.
        assert "<!doctype html>" in await host.run(f"runuser -u {USER} -- curl -sS {PAGE}")
        with pytest.raises(DockerFailed):
            await host.run(f"curl -sS {PAGE}")
        assert '"video' in await inside("copybara demo --json")
        for place, why in (("/opt/copybara/bin/copybara", "denied"), ("/home/copybara/new", "Read-only")):
            with pytest.raises(DockerFailed, match=why):
                await inside(f"touch {place}")
        with pytest.raises(DockerFailed, match=r"(?i)no such file|not found"):
            await inside("/opt/copybara/bin/pip --version")

        await inside("copybara setup name Anna")
        card = json.loads(await inside("copybara card --json"))
        await host.run(f"cd {HOME}/source && docker compose stop")
        # The program ended on the signal; 137 would say that it was killed.
        code = await host.run("docker inspect --format '{{.State.ExitCode}}' $(docker ps --all --quiet)")
        assert code in ("0", "130"), code
        # The same variables as before: without its group the program may not ask the node.
        await host.run(f"cd {HOME}/source; {documented()[0]}; docker compose down && docker compose up --detach --wait")
        assert json.loads(await inside("copybara card --json")) == card, "the home is in the volume"
        await host.run(f"cd {HOME}/source && docker compose down --volumes")
