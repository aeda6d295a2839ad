"""What must be true of all homes after a kill, once all programs run again and no call is left."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import av

from bot.home import Home
from bot.kinds import Kind
from peer.calls.files.folder import PARTS
from shared.links.kinds import PairedToken, Request, decode
from shared.links.paired import reference_of
from shared.store import Store
from tests.bot.console import Person
from tests.campaign.participant import SETTINGS, Participant
from tests.campaign.scenes import content_of

CALLS_COMPARED = 1000
"The number of calls that the log keeps."


def request_of(token: str) -> bytes:
    """The 8 bytes by which both sides name the call that a link begins."""
    link = decode(token)
    assert isinstance(link, PairedToken | Request)
    return reference_of(link)


def faults(people: Sequence[Participant], begun: dict[bytes, tuple[str, str]], crossing: set[bytes]) -> list[str]:
    """All that is wrong in their homes, as one sentence each.

    `begun`: token and caller of each call of this campaign, by its 8 bytes. `crossing`: the calls that were meant to
    cross another one.
    """
    found = []
    for person in people:
        found += [f"{person.name}: {fault}" for fault in (*_home(person), *_settings(person))]
        found += [f"{person.name}: {fault}" for fault in _log(person, begun, crossing)]
    for person, other in itertools.permutations(people, 2):
        found += (*_readable(person, other), *_messages(person, other))
    return found


def _home(person: Participant) -> Iterator[str]:
    home = Home(person.home)
    for path in sorted(home.folder.rglob("*")):
        if path.parent.name == PARTS:
            continue  # the next call continues it
        if path.name.endswith((".new", ".part", ".tmp")) or ".damaged-" in path.name:
            yield f"a half-made file: {path.relative_to(home.folder)}"
    for recording in sorted(home.recordings.glob("*")) if home.recordings.exists() else ():
        if (why := _unreadable(recording)) is not None:
            yield f"the recording {recording.name} can't be played: {why}"
        recording.unlink()  # each recording is checked once
    for received, digest in person.newly_received():
        if received.suffix == ".bin" and digest != hashlib.sha256(content_of(received.name)).digest():
            yield f"the file {received.name} isn't what was sent"
    for digest, times in person.received().items():
        if times > 1:
            yield f"a file has come {times} times: SHA-256 {digest.hex()}"
    with contextlib.closing(sqlite3.connect(f"file:{home.database}?mode=ro", uri=True)) as database:
        if (state := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"the database is damaged: {state}"
    if "Traceback" in person.errors:
        yield f"a traceback: {person.errors[-2000:]}"


def _unreadable(recording: Path) -> str | None:
    try:
        with av.open(str(recording)) as container:
            for packet in container.demux():
                packet.decode()
    except av.FFmpegError as error:
        return str(error)
    return None


def _log(person: Person, begun: dict[bytes, tuple[str, str]], crossing: set[bytes]) -> Iterator[str]:
    with person.store() as store:
        logged = Counter(record.reference for record in store.call_log(CALLS_COMPARED))
        for call in store.running_calls():
            yield f"a call that isn't over: {call}"
        for reference, times in logged.items():
            if times > 1:
                yield f"the call {reference.hex()} is in the log {times} times"
        for reference, (token, caller) in begun.items():
            # The callee must know a call once its link was used. A link that the callee never read begins no call.
            known = caller == person.name or store.link_seen(decode(token).encode()) == "used"
            # If two calls cross, one becomes the call on both sides, and its caller doesn't know the other.
            crossed = caller != person.name and reference in crossing
            if known and not crossed and not logged[reference]:
                yield f"the call {reference.hex()} of {caller} isn't in the log"


def _readable(writer: Person, reader: Person) -> Iterator[str]:
    """The reader must be able to read what the writer encrypts, as long as both are contacts."""
    with writer.store() as ours, reader.store() as theirs:
        contacts = ours.contact_of(reader.id) is not None and theirs.contact_of(writer.id) is not None
        secret = ours.writable_secret(reader.id) if contacts else None
        if secret is not None and (writer.id, secret) not in theirs.readable_secrets():
            yield f"{reader.name} can't read the links that {writer.name} writes"


def _settings(person: Participant) -> Iterator[str]:
    """Settings that differ from what was confirmed. An unconfirmed change may hold, and then must hold from now on."""
    with person.store() as store:
        for (node, word), possible in person.settings.items():
            contact = store.contact_of(node)
            value = SETTINGS[word].of(contact) if contact is not None else None
            if value not in possible:
                yield f"{word} of {contact.name if contact else node} is {value}, not {' or '.join(possible)}"
            if value is not None:
                person.settings[node, word] = {value}


def _messages(writer: Participant, reader: Participant) -> Iterator[str]:
    """Voice messages for the reader that neither wait nor have arrived."""
    with writer.store() as store:
        waiting = {kept.digest for kept in store.kept_files(reader.id) if kept.ours and kept.voice}
    for digest in writer.promised.get(reader.id, set()) - waiting - reader.received().keys():
        yield f"a voice message of {writer.name} for {reader.name} is lost: SHA-256 {digest.hex()}"


async def used_again(person: Person, tokens: list[tuple[str, str]]) -> list[str]:
    """Deliver used links again, each with its writer's name, and return those that had an effect."""
    with person.store() as store:
        used = [(writer, token) for token, writer in tokens if store.link_seen(decode(token).encode()) == "used"]
    said = await person.after_all(used)
    rung = [line for line in said if line["type"] == "call" and line["state"] != "ended"]
    rung += [line for line in said if line.get("kind") in (Kind.RINGS, Kind.STRANGER_RINGS, Kind.UNPROVEN_RINGS)]
    return [f"{person.name}: a link that was used works again: {line.get('text') or line['with']}" for line in rung]


def contacts(person: Person) -> list[str]:
    """The names in its contact book."""
    with Store(Home(person.home).database) as store:
        return [contact.name for contact in store.contacts()]
