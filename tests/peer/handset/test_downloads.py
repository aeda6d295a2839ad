"""Files that a page may save."""

from __future__ import annotations

import gzip
from pathlib import Path

from peer.handset.downloads import MOST, SECONDS, Downloads
from tests.peer.handset.serving import Served


async def test_a_file_is_saved_at_the_address_that_was_told_and_at_no_other(served: Served, tmp_path: Path) -> None:
    path = tmp_path / 'ĝis; "a".html'
    path.write_bytes(b"<script>1</script>")
    address = served.pages.downloads.offer(path)
    async with served.http.get(served.url(address)) as response:
        assert response.status == 200
        assert await response.read() == b"<script>1</script>"
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C4%9Dis%3B%20%22a%22.html"
    for other in (address[:-1], "/received/", f"/received/{path}", "/received/../node.key"):
        async with served.http.get(served.url(other)) as response:
            assert response.status == 404
    async with served.http.get(served.url(address), headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 403


def test_an_address_is_good_for_a_while_and_there_are_only_so_many() -> None:
    now = 0.0
    downloads = Downloads(lambda: now)
    first = downloads.offer(Path("/a"))
    assert downloads.find(first) == Path("/a")
    for number in range(MOST):
        last = downloads.offer(Path(f"/{number}"))
    assert downloads.find(first) is None
    now = SECONDS
    assert downloads.find(last) is None


async def test_what_is_packed_beside_a_file_is_never_given_in_its_place(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"from bob")
    for form in (".gz", ".br"):
        (tmp_path / f"invoice.pdf{form}").write_bytes(gzip.compress(b"from mallory"))
    address = served.pages.downloads.offer(path)
    async with served.http.get(served.url(address), headers={"Accept-Encoding": "gzip, deflate, br"}) as response:
        assert (response.status, response.headers.get("Content-Encoding")) == (200, None)
        assert await response.read() == b"from bob"


async def test_another_file_that_got_its_name_is_not_saved_for_it(served: Served, tmp_path: Path) -> None:
    path, other = tmp_path / "report.pdf", tmp_path / "other"
    path.write_bytes(b"from bob")
    address = served.pages.downloads.offer(path)
    other.write_bytes(b"from mallory")
    other.rename(path)
    async with served.http.get(served.url(address)) as response:
        assert response.status == 404


async def test_other_content_in_the_same_place_on_the_disk_is_not_saved_for_it(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"from bob")
    address = served.pages.downloads.offer(path)
    path.write_bytes(b"from mallory")
    async with served.http.get(served.url(address)) as response:
        assert response.status == 404


async def test_a_player_gets_the_part_that_it_asks_for(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "message.webm"
    path.write_bytes(bytes(range(100)))
    address = served.pages.downloads.offer(path)
    for asked, status, part in (
        ("bytes=10-19", 206, range(10, 20)),
        ("bytes=-5", 206, range(95, 100)),
        ("x", 200, range(100)),
    ):
        async with served.http.get(served.url(address), headers={"Range": asked}) as response:
            assert (response.status, await response.read()) == (status, bytes(part))
