"""A mail server on loopback: SMTP by aiosmtpd, IMAP by Debian's dovecot. All addresses exist, all passwords are right.

The server keeps all mails, so that a test can read what a mail server sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import getpass
import imaplib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.bot.deltachat.dovecot import Places, configuration, installed_version
from tests.programs import end_of
from tests.shared.names.chain import free_port

DOMAIN = "mail.test"

START_SECONDS = 60.0

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
"Where programs are, including daemons."


class MailServer:
    """Both servers."""

    def __init__(self) -> None:
        # Not in a test's own folder: if root starts dovecot, it runs as another user, who can't open that folder.
        self.folder = Path(tempfile.mkdtemp(prefix="mail-"))
        self.imap_port = free_port()
        self.smtp_port = free_port()
        self.passed: list[bytes] = []
        "Every mail, as the server saw it."
        self._log = self.folder / "dovecot.log"
        self._smtp: Controller | None = None
        self._boxes: dict[str, imaplib.IMAP4] = {}
        self._delivering = threading.Lock()
        self._uid, self._gid = (8, 8) if os.geteuid() == 0 else (os.geteuid(), os.getegid())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve during the block."""
        user, group = ("mail", "mail") if os.geteuid() == 0 else (getpass.getuser(), str(os.getegid()))
        self.folder.chmod(0o755)
        home, run = self.folder / "home", self.folder / "run"
        for each in (home, run):
            each.mkdir()
            os.chown(each, self._uid, self._gid)
        config = self.folder / "dovecot.conf"
        # As root, its daemon switches to its own users.
        dovecot = shutil.which("dovecot", path=PATH)
        assert dovecot is not None
        places = Places(self.folder, run, user, group, self.imap_port)
        config.write_text(configuration(installed_version(dovecot), places))
        process = subprocess.Popen([dovecot, "-F", "-c", str(config)])
        try:
            self._wait_for(process)
            self.begin_smtp()
            yield
            assert process.poll() is None, self._why_it_ended(process)
        finally:
            self.end_smtp()
            for box in self._boxes.values():
                with contextlib.suppress(OSError, imaplib.IMAP4.error):  # it may have ended
                    box.logout()
            process.terminate()
            process.wait(30)
            shutil.rmtree(self.folder)

    def _wait_for(self, dovecot: subprocess.Popen[bytes]) -> None:
        """Wait until dovecot listens."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert dovecot.poll() is None, self._why_it_ended(dovecot)
            try:
                socket.create_connection(("127.0.0.1", self.imap_port), START_SECONDS).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, f"dovecot doesn't listen; {end_of(self._log)}"
                time.sleep(0.02)
            else:
                return

    def _why_it_ended(self, dovecot: subprocess.Popen[bytes]) -> str:
        return f"dovecot ended with exit code {dovecot.returncode}; {end_of(self._log)}"

    def begin_smtp(self) -> None:
        """Accept mails."""
        self._smtp = _Controller(self, hostname="127.0.0.1", port=self.smtp_port)
        self._smtp.start()

    def end_smtp(self) -> None:
        """Accept no mails, as if the network was gone."""
        if self._smtp is not None:
            self._smtp.stop()
            self._smtp = None

    def login(self, name: str) -> dict[str, Any]:
        """The settings that an account with that name enters."""
        address = f"{name}@{DOMAIN}"
        return {
            "addr": address,
            "password": "secret",
            "imapServer": "127.0.0.1",
            "imapPort": self.imap_port,
            "imapSecurity": "plain",
            "imapUser": address,
            "smtpServer": "127.0.0.1",
            "smtpPort": self.smtp_port,
            "smtpSecurity": "plain",
            "smtpUser": address,
            "smtpPassword": "secret",
            "certificateChecks": "automatic",
        }

    def deliver(self, address: str, content: bytes) -> None:
        """Put a mail into an inbox through IMAP, so that dovecot notifies everyone who waits for it."""
        with self._delivering:
            if address not in self._boxes:
                box = imaplib.IMAP4("127.0.0.1", self.imap_port)
                box.login(address, "secret")
                self._boxes[address] = box
            answer, _ = self._boxes[address].append("INBOX", "", "", content)
            assert answer == "OK"

    def messages(self) -> list[Message]:
        """The parsed mails."""
        return [email.message_from_bytes(content) for content in self.passed]


class _Controller(Controller):
    def __init__(self, server: MailServer, **options: Any) -> None:
        super().__init__(_Handler(server), **options)

    def factory(self) -> SMTP:
        def accept(*_: object) -> AuthResult:
            return AuthResult(success=True)

        return SMTP(
            self.handler,
            authenticator=accept,
            auth_require_tls=False,
            auth_required=False,
            data_size_limit=50 * 2**20,
            enable_SMTPUTF8=True,
            loop=self.loop,
        )


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self._server.passed.append(content)
        for address in envelope.rcpt_tos:
            await asyncio.to_thread(self._server.deliver, address, content)
        return "250 OK"
