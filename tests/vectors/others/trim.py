"""`python -m tests.vectors.others.trim WYCHEPROOF CRYPTOGRAPHY_VECTORS` writes the files beside this one again.

The arguments are the source folder of Wycheproof and the package folder of `cryptography_vectors`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent
Case = dict[str, Any]

EACH_COMMENT = 2
"The number of kept ML-KEM cases with the same comment. Each has 5 kB."

BAD_KEYS = 20
"The number of kept keys whose coefficients aren't reduced."


def cases(wycheproof: Path, name: str, *fields: str) -> Iterator[Case]:
    """Each case of a file together with its group, reduced to number, result and those fields."""
    whole = json.loads((wycheproof / "testvectors_v1" / f"{name}_test.json").read_bytes())
    for group in whole["testGroups"]:
        for case in group["tests"]:
            both = {**group, **case, "key": case.get("key") or group.get("publicKey", {}).get("uncompressed")}
            yield {field: both[field] for field in ("tcId", "result", *fields) if both.get(field) is not None}


def few(found: Iterable[Case], most: dict[str, int]) -> Iterator[Case]:
    """The first cases with each comment, ignoring a number at its end."""
    seen = Counter[str]()
    for case in found:
        comment = case.get("comment", "").rstrip("0123456789 ")
        seen[comment] += 1
        if seen[comment] <= most.get(comment, EACH_COMMENT):
            yield case


def hpke(vectors: Path) -> Iterator[Case]:
    """The first message of base mode in each suite that we use."""
    fields = (
        "kem_id",
        "kdf_id",
        "aead_id",
        "info",
        "skRm",
        "pkRm",
        "skEm",
        "enc",
        "shared_secret",
        "key",
        "base_nonce",
    )
    for name in ("test-vectors", "hpke-pq-test-vectors"):
        for case in json.loads((vectors / "HPKE" / f"{name}.json").read_bytes()):
            suite = (case["mode"], case["kem_id"], case["kdf_id"], case["aead_id"])
            if suite in ((0, 0x0020, 1, 3), (0, 0x647A, 1, 3)):
                yield {field: case[field] for field in fields if field in case} | case["encryptions"][0]


def write(name: str, found: Iterable[Case]) -> None:
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in found)
    (PLACE / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def main(wycheproof: Path, vectors: Path) -> None:
    write("x25519", cases(wycheproof, "x25519", "flags", "public", "private", "shared"))
    write("hkdf_sha256", cases(wycheproof, "hkdf_sha256", "ikm", "salt", "info", "size", "okm"))
    aead = ("key", "iv", "aad", "msg", "ct", "tag")
    write("chacha20_poly1305", cases(wycheproof, "chacha20_poly1305", *aead))
    gcm = cases(wycheproof, "aes_gcm", *aead, "keySize", "ivSize")
    write("aes_256_gcm", (case for case in gcm if (case.pop("keySize"), case.pop("ivSize")) == (256, 96)))
    write("ecdsa_p256_sha256", cases(wycheproof, "ecdsa_secp256r1_sha256", "key", "msg", "sig"))
    write("mlkem_768", few(cases(wycheproof, "mlkem_768", "comment", "seed", "ek", "c", "K"), {}))
    refused = (case for case in cases(wycheproof, "mlkem_768_encaps", "comment", "ek") if case["result"] == "invalid")
    write("mlkem_768_bad_keys", few(refused, {"Public key not reduced": BAD_KEYS, "": BAD_KEYS}))
    write("hpke", hpke(vectors))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
