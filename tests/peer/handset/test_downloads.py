"""Files that a device's page may save."""

from __future__ import annotations

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
