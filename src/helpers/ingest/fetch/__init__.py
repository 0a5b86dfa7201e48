"""Where do the figures come from? The catalogue's addresses (`addresses`), read whatever breaks off (`web`);
what is kept of them (`keep`), put in its place (`bring`), and on record (`lock`).
"""

from helpers.ingest.fetch.bring import Fetched, FetchReport, chosen, fetch, fetch_locked, size
from helpers.ingest.fetch.lock import NAME as LOCK_NAME
from helpers.ingest.fetch.lock import Lock

__all__ = ["LOCK_NAME", "FetchReport", "Fetched", "Lock", "chosen", "fetch", "fetch_locked", "size"]
