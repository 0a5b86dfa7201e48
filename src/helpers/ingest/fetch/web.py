"""One address, read from its first byte to its last, whatever breaks off on the way; or the reason, in words.

Proxies and certificates are the usual variables': HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, SSL_CERT_FILE.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

SECONDS_TO_CONNECT, SECONDS_WITHOUT_AN_ANSWER = 15, 60
TRIES_TO_CONNECT = 2  # again, before a server counts as not to be reached
LONGEST_WAIT = 300  # seconds that a server may ask us to wait before it is asked again
BLOCK = 1 << 16
NOT_REACHED = "could not be reached"
BUSY = (429, 500, 502, 503, 504)
NOT_A_FILE = re.compile(r"application/(json|[\w.+-]*\+json|xml|pdf)|text/xml|(image|audio|video)/.*")
# Addresses that answer what was asked, or break off: a request to go on where we were may help.
BROKEN = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ContentDecodingError,
)


class NotFetched(Exception):
    """Why an address gave nothing that can be used, in words."""


class NotThere(NotFetched):
    """The publisher has nothing under the address (404, or a web page in its place): an earlier edition may be
    there.
    """


class Unchanged(NotFetched):
    """The publisher says that the file is still the one that we have."""


class Unreachable(NotFetched):
    """The server gives no answer at all: other addresses of it need not be tried."""


class Web:
    """Reads addresses. `retries`: how often what fails is tried again, each time after a longer wait
    (`backoff` seconds, doubled each time), or after the wait that the server asks for.
    """

    def __init__(self, retries: int = 4, backoff: float = 1.0):
        self.retries, self.backoff = retries, backoff
        self._silent: dict[str, str] = {}
        self.session = requests.Session()
        again = Retry(
            total=retries,
            connect=min(retries, TRIES_TO_CONNECT),
            status_forcelist=BUSY,
            backoff_factor=backoff,
            respect_retry_after_header=True,
            retry_after_max=LONGEST_WAIT,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=again))
        self.session.headers.update(
            {"User-Agent": "abie-workbook (attendance baselines)", "Accept-Encoding": "identity"}
        )
        # requests knows REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE; they win over this one
        self.session.verify = os.environ.get("SSL_CERT_FILE") or True

    def stream(
        self,
        url: str,
        kind: str = "file",
        told: Callable[[int, int | None], None] | None = None,
        unless: tuple[str, str] = ("", ""),
    ) -> Stream:
        """The `Stream` of an address. `told(bytes so far, bytes in all or None)` is called as it comes. `unless`:
        ETag and time of change of the file that is here already.
        """
        return Stream(self, url, kind, told, unless)

    def read_json(self, url: str) -> dict:
        """The JSON of an address, or the JSON that a page made with Next.js carries in itself."""
        raw = b"".join(self.stream(url, "listing"))
        text = raw.decode("utf-8-sig", errors="replace")
        inside = re.search(r'<script[^>]*id="__NEXT_DATA__"[^>]*>(.*?)</script>', text, re.DOTALL)
        if inside is None and _is_page(raw):
            raise NotThere("the page carries no list of files")
        try:
            return json.loads(inside[1] if inside else text)
        except ValueError as error:
            raise NotFetched(f"the answer is not JSON: {error}") from error

    def get(self, url: str, headers: dict[str, str]) -> requests.Response:
        """An answer whose body is still to be read. Raises `NotFetched`."""
        host = urlsplit(url).netloc
        if host in self._silent:
            raise Unreachable(self._silent[host])
        try:
            patience = (SECONDS_TO_CONNECT, SECONDS_WITHOUT_AN_ANSWER)
            answer = self.session.get(url, headers=headers, stream=True, timeout=patience)
        except BROKEN as error:
            self._silent[host] = in_words(error, host)
            raise Unreachable(self._silent[host]) from error
        except requests.exceptions.RequestException as error:
            raise NotFetched(f"the address cannot be asked: {error}") from error
        if answer.status_code == 304:
            raise Unchanged("unchanged, says the publisher")
        if answer.status_code in (404, 410):
            raise NotThere(f"the server answered {answer.status_code}: the file has moved or been withdrawn")
        if answer.status_code in (401, 403, 407):
            raise NotFetched(
                f"the server answered {answer.status_code}: it refuses (a proxy may want a password)"
            )
        if answer.status_code == 429:
            raise NotFetched("the server answered 429: too many requests; try again later")
        if answer.status_code >= 500:
            raise NotFetched(f"the server answered {answer.status_code}; try again later")
        if answer.status_code not in (200, 206):
            raise NotFetched(f"the server answered {answer.status_code}")
        return answer


class Stream:
    """The bytes of an address in blocks. Where the connection breaks, the rest is asked for (Range), and where
    the server does not know that, all again, of which what was had is left out and must be the same.

    After the last block: `size` and `sha256` of what came, and what the server said of it (`etag`,
    `modified`).
    """

    def __init__(
        self,
        web: Web,
        url: str,
        kind: str,
        told: Callable[[int, int | None], None] | None,
        unless: tuple[str, str],
    ):
        self._unless = dict(zip(("If-None-Match", "If-Modified-Since"), unless, strict=True))
        self.url, self.kind = url, kind
        self.size, self.total, self.breaks = 0, None, 0
        self.etag = self.modified = ""
        self._web, self._told, self._digest = web, told, hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        answer = self._web.get(self.url, {name: value for name, value in self._unless.items() if value})
        self._look_at(answer)
        while True:
            try:
                with answer:
                    for block in answer.iter_content(BLOCK):
                        if self.size == 0 and self.kind == "file" and _is_page(block):
                            raise NotThere("a web page came in place of the file")
                        self._digest.update(block)
                        self.size += len(block)
                        if self._told:
                            self._told(self.size, self.total)
                        yield block
                if self.size == 0:
                    raise NotThere("the file is empty")
                return
            except BROKEN as error:
                answer = self._go_on(error)

    def _look_at(self, answer: requests.Response) -> None:
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.kind == "file" and NOT_A_FILE.fullmatch(kind):
            raise NotFetched(f"wrong type: the server calls it {kind}")
        if self.kind != "file" and kind in ("text/csv", "application/pdf", "application/zip"):
            raise NotFetched(f"wrong type: the server calls it {kind}, JSON is needed")
        self.etag, self.modified = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
        self._encoded = bool(answer.headers.get("Content-Encoding"))
        length = answer.headers.get("Content-Length", "")
        self.total = int(length) if length.isdigit() and not self._encoded else None

    def _go_on(self, error: Exception) -> requests.Response:
        """The answer from where the last one broke off. Raises `NotFetched` when that has been tried enough."""
        self.breaks += 1
        of = f" of {self.total:,}" if self.total else ""
        if self.breaks > self._web.retries:
            raise NotFetched(
                f"the download broke off before the end ({self.size:,}{of} bytes): it is truncated; try again"
            ) from error
        time.sleep(self._web.backoff * 2 ** (self.breaks - 1))
        headers = {}
        if self.size and not self._encoded:
            headers["Range"] = f"bytes={self.size}-"
            unchanged = self.modified if self.etag.startswith("W/") or not self.etag else self.etag
            if unchanged:
                headers["If-Range"] = unchanged
        answer = self._web.get(self.url, headers)
        if answer.status_code == 206:
            start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
            if start is None or int(start[1]) != self.size:
                raise NotFetched("the server sent another part than the one asked for")
            return answer
        return self._leave_out(answer)

    def _leave_out(self, answer: requests.Response) -> requests.Response:
        """The answer without the bytes that were had before, which must be the same."""
        again, left = hashlib.sha256(), self.size
        while left:
            try:
                block = answer.raw.read(min(left, BLOCK), decode_content=True)
            except Exception as error:  # urllib3's own, not yet in requests' words
                raise NotFetched(f"the download broke off twice: {error}") from error
            if not block:
                break
            again.update(block)
            left -= len(block)
        if left or again.digest() != self._digest.digest():
            raise NotFetched("the file was replaced while it was being read; run the command again")
        return answer


def _is_page(start: bytes) -> bool:
    """Whether bytes are of a web page, whatever the server calls them: no file of ours begins with `<`."""
    return start[:400].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def in_words(error: Exception, host: str) -> str:
    """Why a server could not be reached, and what to do."""
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy does not let us through to {host}: see HTTPS_PROXY"
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the certificate of {host} is not trusted: behind a corporate proxy, name its certificates in "
            "REQUESTS_CA_BUNDLE or SSL_CERT_FILE"
        )
    if isinstance(error, requests.exceptions.Timeout):
        return f"{host} {NOT_REACHED}: no answer in time"
    return f"{host} {NOT_REACHED}"
