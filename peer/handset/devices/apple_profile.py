"""The authority's certificate as a configuration profile, which an iPhone or iPad can install (Apple)."""

from __future__ import annotations

import plistlib
import uuid

from cryptography.hazmat.primitives import hashes

from peer.handset.devices.authority import Authority

ROOT = "com.apple.security.root"
"Apple's type for a certificate authority in DER."


def apple_profile(authority: Authority) -> bytes:
    """The profile in XML. An authority's profile is always the same, so installing it again replaces it.

    The profile of another home's authority replaces nothing.
    """
    digest = authority.certificate.fingerprint(hashes.SHA256())
    whole, part = (str(uuid.UUID(bytes=half, version=5)).upper() for half in (digest[:16], digest[16:]))
    name = "Copybara at home"
    certificate = {
        "PayloadType": ROOT,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"copybara.authority.{part}",
        "PayloadUUID": part,
        "PayloadDisplayName": name,
        "PayloadCertificateFileName": "copybara.crt",
        "PayloadContent": authority.to_install(),
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"copybara.authority.of.{whole}",
            "PayloadUUID": whole,
            "PayloadDisplayName": name,
            "PayloadDescription": "Lets this device check your home's certificate: for one address, nothing else.",
            "PayloadContent": [certificate],
        }
    )
