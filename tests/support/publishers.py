"""Publishers on this machine that behave like the real ones, the bad days included."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

WEB_PAGE = b"<!DOCTYPE html><html><body>Sorry, there is a problem with the service</body></html>"
CSV, ZIP, JSON, HTML = "text/csv", "application/zip", "application/json", "text/html; charset=utf-8"


@dataclass
class Answer:
    """What lies under an address. `busy`: statuses that are answered first, one each time. `breaks`: after how many
    bytes the connection breaks, one each time. `chunked`: no length is told. `ranges`: whether a part can be had.
    """

    content: bytes = b""
    type: str = CSV
    status: int = 200
    to: str = ""
    busy: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Publishers:
    """Answers by address (without scheme and host of this machine), and what was asked: (address, Range)."""

    def __init__(self, address: str):
        self.address = address
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []

    def put(self, where: str, content: bytes = b"", type: str = CSV, **how) -> Answer:
        """Lay something under an address, written with or without `https://`."""
        answer = Answer(content, type, **how)
        self.answers[where.removeprefix("https://")] = answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def here(self, addresses: str) -> str:
        """The publishers' addresses as they are on this machine."""
        return addresses.replace("https://", f"{self.address}/")


@contextmanager
def serving() -> Iterator[Publishers]:
    """Publishers that answer while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            try:
                self._answer()
            except (BrokenPipeError, ConnectionResetError):
                pass

        def _answer(self):
            path = unquote(urlsplit(self.path)._replace(scheme="", netloc="").geturl()).lstrip("/")
            if "://" in self.path.split("?")[0]:  # asked as a proxy
                path = unquote(self.path.partition("://")[2])
            asked = self.headers.get("Range", "")
            publishers.asked.append((path, asked))
            answer = publishers.answers.get(path)
            if answer is None:
                return self._send(404, WEB_PAGE, HTML)
            if answer.busy:
                return self._send(answer.busy.pop(0), b"busy", "text/plain", **answer.headers)
            if answer.to:
                return self._send(302, b"", HTML, Location=f"{publishers.address}/{answer.to}")
            if answer.etag and self.headers.get("If-None-Match") == answer.etag:
                return self._send(304, b"", answer.type, ETag=answer.etag)
            content, status, more = answer.content, answer.status, {}
            same = self.headers.get("If-Range", answer.etag) == answer.etag
            if asked and answer.ranges and same:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                more = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                content, status = content[start:], 206
            if answer.etag:
                more["ETag"] = answer.etag
            cut = answer.breaks.pop(0) if answer.breaks else None
            self._send(status, content, answer.type, cut, **more)

        def _send(self, status, content, type, cut=None, **headers):
            self.send_response(status)
            self.send_header("Content-Type", type)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content if cut is None else content[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *arguments):
            """Nothing: the tests' output is for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    publishers = Publishers(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield publishers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def zipped(**files: bytes) -> bytes:
    """An archive; a double underscore in a name is a slash."""
    return archive({name.replace("__", "/"): content for name, content in files.items()})


def archive(files: dict[str, bytes]) -> bytes:
    """An archive of files by path."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return out.getvalue()


def release(id: str, slug: str, files: dict[str, str]) -> dict:
    """A release as the content API describes it: `files` by id, the file names as values."""
    return {
        "id": id,
        "slug": slug,
        "title": slug,
        "publication": {"id": "p1", "slug": "x"},
        "downloadFiles": [
            {"id": key, "fileName": name, "name": name, "extension": "csv", "size": "1 Mb", "type": "Data"}
            for key, name in files.items()
        ],
    }


def as_json(value: dict) -> bytes:
    return json.dumps(value).encode()


def page_with(value: dict) -> bytes:
    """A page that carries a release in its `__NEXT_DATA__`."""
    inside = json.dumps({"props": {"pageProps": {"releaseVersion": value}}})
    return (
        f'<!DOCTYPE html><html><body><script id="__NEXT_DATA__" type="application/json">{inside}</script></body></html>'
    ).encode()


def feature(code: str, easting: float = 400_000) -> dict:
    """An authority with a square outline."""
    x, y, side = easting, 300_000, 1_000
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {
        "type": "Feature",
        "properties": {"CTYUA24CD": code, "CTYUA24NM": f"Area {code}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(features: list[dict], more: bool = False) -> bytes:
    """A page of a map service."""
    crs = {"type": "name", "properties": {"name": "EPSG:27700"}}
    whole = {"type": "FeatureCollection", "crs": crs, "features": features}
    return as_json(whole | ({"exceededTransferLimit": True} if more else {}))
