from __future__ import annotations

from shared.hkdf import hkdf


def test_the_first_test_case_of_rfc_5869_holds() -> None:
    assert hkdf(b"\x0b" * 22, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)), length=42) == bytes.fromhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_the_third_test_case_of_rfc_5869_holds_without_a_salt() -> None:
    assert hkdf(b"\x0b" * 22, info=b"", length=42) == bytes.fromhex(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
