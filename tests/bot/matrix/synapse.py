"""A real Synapse on loopback, with SQLite in its own folder, from the virtual environment of tests/synapse."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

ENVIRONMENT = Path(__file__).parent / ".synapse"
"Made by tests/synapse."

NAME = "chat.test"
"The server's name. Nobody looks it up."

START_SECONDS = 90.0

CONFIG = """
server_name: {name}
pid_file: {folder}/synapse.pid
listeners:
  - {{port: {port}, type: http, bind_addresses: ["127.0.0.1"], tls: false, resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: {folder}/synapse.db}}}}
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
log_config: {folder}/log.yaml
trusted_key_servers: []
report_stats: false
enable_registration: true
enable_registration_without_verification: true
presence: {{enabled: false}}
bcrypt_rounds: 4
allow_public_rooms_over_federation: false
rc_message: {{per_second: 10000, burst_count: 10000}}
rc_registration: {{per_second: 10000, burst_count: 10000}}
rc_joins: {{local: {{per_second: 10000, burst_count: 10000}}}}
rc_joins_per_room: {{per_second: 10000, burst_count: 10000}}
rc_invites:
  per_room: {{per_second: 10000, burst_count: 10000}}
  per_user: {{per_second: 10000, burst_count: 10000}}
  per_issuer: {{per_second: 10000, burst_count: 10000}}
rc_room_creation: {{per_second: 10000, burst_count: 10000}}
rc_login:
  address: {{per_second: 10000, burst_count: 10000}}
  account: {{per_second: 10000, burst_count: 10000}}
  failed_attempts: {{per_second: 10000, burst_count: 10000}}
"""

LOG = """
version: 1
handlers: {{file: {{class: logging.FileHandler, filename: {folder}/log}}}}
root: {{level: WARNING, handlers: [file]}}
"""

SECRET_KEY = "ed25519 a_test 8jVtKcHNoiPyNVdHNZnWmcHqVkFMrqyq3Bk5d2Lf2Yk\n"


class Synapse:
    """One server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "log.yaml").write_text(LOG.format(folder=folder))
        (folder / "signing.key").write_text(SECRET_KEY)
        (folder / "config.yaml").write_text(CONFIG.format(name=NAME, folder=folder, port=self.port))

    def start(self) -> None:
        """Start, and wait until it replies."""
        self.begin()
        self.ready()

    def begin(self) -> None:
        """Start without waiting."""
        python, config = ENVIRONMENT / "bin" / "python", self.folder / "config.yaml"
        command: list[str | Path] = [python, "-m", "synapse.app.homeserver", "-c", config]
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=output)

    def ready(self) -> None:
        """Wait until it replies."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            said = (self.folder / "output").read_text()[-2000:]
            assert self._process.poll() is None, f"Synapse ended:\n{said}"
            assert time.monotonic() < deadline, f"Synapse doesn't answer:\n{said}"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/_matrix/client/versions", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, with SIGKILL or politely."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def register(self, name: str, password: str) -> str:
        """Make an account without a device. Returns its user id."""
        wanted = {"username": name, "password": password, "inhibit_login": True, "auth": {"type": "m.login.dummy"}}
        answer = httpx.post(f"{self.address}/_matrix/client/v3/register", json=wanted, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["user_id"])

    def stored_events(self) -> list[dict[str, Any]]:
        """Every event that the server stores, in its own form."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/synapse.db?mode=ro", uri=True)) as database:
            return [json.loads(raw) for (raw,) in database.execute("SELECT json FROM event_json")]


def is_installed() -> bool:
    """Whether tests/synapse has been run."""
    return (ENVIRONMENT / "bin" / "python").exists() and shutil.which("node") is not None
