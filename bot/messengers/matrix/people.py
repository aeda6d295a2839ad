"""Checks which devices belong to whom, from the keys that the server gives. Pure except for the vault.

A person is identified by their master key. It signs a self-signing key, and that signs their devices (specification,
Cross-signing). We keep the first master key that we see of each person; the owner's key is the one whose emoji they
compared. If the server replaces a key, we notice: messages from devices of the other key count as unverified.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Container, Iterable

import msgspec

from bot.messengers.matrix.canonical import Json, is_signed, part, text
from bot.messengers.matrix.vault import Vault

MOST_DEVICES = 200
"How many devices of one person are looked at."

MOST_READ = 100
"How many people are cached. Each message is judged by their keys, and there may be thousands of messages."

OWNER = "owner"
"The vault's name for the owner's key."

DAY = 24 * 3600

_PERSON = "person:"

Contacts = Callable[[], Container[str]]
"Gives the users who write contacts' links. They are learned from calls that connected."


class Device(msgspec.Struct, frozen=True):
    """A device whose keys it has signed itself."""

    ed25519: str
    curve25519: str
    signed: str = ""
    "The master key of the identity that has signed it. Empty: none has."


class Person(msgspec.Struct, frozen=True):
    """What is known of a person's keys."""

    master: str = ""
    "The master key that counts. Empty: none was ever seen."

    offered: str = ""
    "The master key that the server gives now."

    devices: dict[str, Device] = {}
    outdated: bool = True
    "Whether the server has announced a change."

    day: int = 0
    "The day when the server last told us of them, in days since 1970; 0: not recorded yet."


class OwnerKey(msgspec.Struct, frozen=True):
    """The person who commands: not a user id alone, but the verified key."""

    user: str
    master: str


class Standing(enum.Enum):
    """How far a message's sender can be trusted."""

    OWNER = "owner"
    VERIFIED = "verified"
    "The device is signed by its person's identity, and that is the identity that we know."

    UNSIGNED = "unsigned"
    "The person never verified the device."

    CHANGED = "changed"
    "The device belongs to an identity that isn't the one we know of that person."

    UNKNOWN = "unknown"
    "The device isn't in the person's list."


class People:
    """All people with whom we share a room."""

    def __init__(
        self,
        vault: Vault,
        own: str = "",
        contacts: Contacts = frozenset,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`own` is the account's user id. `clock` gives Unix seconds."""
        self._vault = vault
        self._own = own
        self._contacts = contacts
        self._clock = clock
        self.owner = vault.get(OWNER, OwnerKey)
        self._read: dict[str, Person] = {}

    def of(self, user: str) -> Person:
        """What is known of a person."""
        known = self._read.get(user)
        if known is None:
            known = self._vault.get(f"{_PERSON}{user}", Person)
            if known is None:
                return Person()
            self._remember(user, known)
        return known

    def first(self, users: Iterable[str], strangers: int) -> list[str]:
        """The owner, our own account and their contacts, and up to `strangers` of all others."""
        stay = {self._own, self.owner.user if self.owner is not None else ""}
        known, others = list[str](), list[str]()
        for user in sorted(users):
            (known if user in stay or user in self._contacts() else others).append(user)
        return known + others[:strangers]

    def is_outdated(self, user: str) -> bool:
        """Whether the server must be asked about someone before anything is sent to them."""
        return self.of(user).outdated

    def changed(self, users: Iterable[object]) -> None:
        """Note that the server has new keys of these users. Unknown users are ignored."""
        for user in users:
            if isinstance(user, str) and self._vault.has(f"{_PERSON}{user}"):
                self._put(user, msgspec.structs.replace(self.of(user), outdated=True))

    def answered(self, user: str, answer: Json) -> None:
        """Take the server's keys of one person. `answer` is the whole reply to keys/query."""
        before = self.of(user)
        master, self_signing = _identity(user, answer)
        devices: dict[str, Device] = {}
        for name, keys in list(part(answer, "device_keys", user).items())[:MOST_DEVICES]:
            device = _device(user, name, keys)
            known = before.devices.get(name)
            if device is None or (known is not None and known.ed25519 != device.ed25519):
                continue  # not their device, or another device with a known device's name
            if self_signing and is_signed(keys, user, f"ed25519:{self_signing}", self_signing):
                device = msgspec.structs.replace(device, signed=master)
            devices[name] = device
        day = int(self._clock()) // DAY
        self._put(user, Person(before.master or master, master, devices, outdated=False, day=day))

    def unreadable(self, user: str) -> None:
        """Note that the server's keys of a person can't be read. What is known stays until their next change."""
        self._put(user, msgspec.structs.replace(self.of(user), outdated=False))

    def accept(self, user: str, key: str) -> bool:
        """Accept the identity with that master key. False if the server gives another key, and for the owner."""
        person = self.of(user)
        if not key or person.offered != key or (self.owner is not None and self.owner.user == user):
            return False
        self._put(user, msgspec.structs.replace(person, master=person.offered))
        return True

    def compare_again(self, user: str) -> None:
        """Prepare a comparison of emoji with the owner.

        Until it succeeds nobody commands, after a restart either, and the identity given now counts.
        """
        self._forget_owner()
        person = self.of(user)
        self._put(user, msgspec.structs.replace(person, master=person.offered or person.master))

    def is_commanded_by(self, user: str) -> None:
        """Note whose the bot is. If somebody else was its owner before, they command nothing any more."""
        if self.owner is not None and self.owner.user != user:
            self._forget_owner()

    def _forget_owner(self) -> None:
        self.owner = None
        self._vault.drop(OWNER)

    def keys_of(self, user: str) -> dict[str, str]:
        """A person's keys that can be verified: the devices' and the master key, by key id."""
        person = self.of(user)
        keys = {f"ed25519:{name}": device.ed25519 for name, device in person.devices.items()}
        return keys | ({f"ed25519:{person.offered}": person.offered} if person.offered else {})

    def verified_owner(self, user: str, master: str) -> None:
        """Note that the owner has compared the emoji with the device of this master key."""
        self.owner = OwnerKey(user, master)
        self._vault.put(OWNER, self.owner)
        self._put(user, msgspec.structs.replace(self.of(user), master=master))

    def standing(self, user: str, curve25519: str, ed25519: str) -> Standing:
        """The standing of the device with those keys. Its message claims to come from `user`."""
        person = self.of(user)
        for device in person.devices.values():
            if (device.curve25519, device.ed25519) == (curve25519, ed25519):
                return self._standing(user, person, device)
        return Standing.UNKNOWN

    def standing_of_key(self, user: str, curve25519: str) -> Standing:
        """The standing of the device with that key.

        It has proven that it has the key; all else about it may be untrue.
        """
        person = self.of(user)
        device = next((each for each in person.devices.values() if each.curve25519 == curve25519), None)
        return self._standing(user, person, device) if device is not None else Standing.UNKNOWN

    def devices_for(self, user: str, *, unverified: bool = False) -> dict[str, Device]:
        """A person's devices that may read our messages: those that their identity has signed.

        `unverified`: other devices as well, which a server may have added. This never includes devices of the owner or
        of our own account.
        """
        ours = user in (self._own, self.owner.user if self.owner is not None else "")
        person = self.of(user)
        good = (Standing.OWNER, Standing.VERIFIED)
        return {
            name: device
            for name, device in person.devices.items()
            if (unverified and not ours) or self._standing(user, person, device) in good
        }

    def _standing(self, user: str, person: Person, device: Device) -> Standing:
        if not device.signed:
            return Standing.UNSIGNED
        owner = self.owner
        if owner is not None and owner.user == user:
            return Standing.OWNER if device.signed == owner.master else Standing.CHANGED
        return Standing.VERIFIED if device.signed == person.master else Standing.CHANGED

    def known(self) -> list[str]:
        """All people of whom something is kept."""
        return [name.removeprefix(_PERSON) for name in self._vault.names(_PERSON)]

    def forget(self, user: str) -> None:
        """Forget a person. If they come back, they are new. Never forgets the owner."""
        if self.owner is None or self.owner.user != user:
            self._vault.drop(f"{_PERSON}{user}")
            self._read.pop(user, None)

    def _put(self, user: str, person: Person) -> None:
        self._vault.put(f"{_PERSON}{user}", person)
        self._remember(user, person)

    def _remember(self, user: str, person: Person) -> None:
        if len(self._read) >= MOST_READ:
            self._read.clear()
        self._read[user] = person


def _identity(user: str, answer: Json) -> tuple[str, str]:
    """The public master and self-signing keys, if the first has signed the second. Otherwise empty."""
    master = _only_key(part(answer, "master_keys", user), user, "master")
    keys = part(answer, "self_signing_keys", user)
    self_signing = _only_key(keys, user, "self_signing")
    if not (master and self_signing and is_signed(keys, user, f"ed25519:{master}", master)):
        return master, ""
    return master, self_signing


def _only_key(keys: Json, user: str, usage: str) -> str:
    listed = keys.get("usage")
    names = list(part(keys, "keys").items())
    if text(keys, "user_id") != user or not isinstance(listed, list) or usage not in listed or len(names) != 1:
        return ""
    name, public = names[0]
    return public if isinstance(public, str) and name == f"ed25519:{public}" and len(public) <= 64 else ""


def _device(user: str, name: str, keys: object) -> Device | None:
    ed25519 = text(keys, "keys", f"ed25519:{name}", most=64)
    curve25519 = text(keys, "keys", f"curve25519:{name}", most=64)
    if not (isinstance(keys, dict) and ed25519 and curve25519 and len(name) <= 255):
        return None
    if text(keys, "user_id") != user or text(keys, "device_id") != name:
        return None
    return Device(ed25519, curve25519) if is_signed(keys, user, f"ed25519:{name}", ed25519) else None
