"""Writing numbers and files the way the publishers do."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path


def rounded(part: float, whole: float, decimals: int, scale: int = 100) -> Decimal | None:
    """scale x part / whole, rounded half up; None when there is nothing to divide by. Exact for whole numbers
    on every machine.
    """
    if whole == 0:
        return None
    return (Decimal(int(part)) * scale / Decimal(int(whole))).quantize(
        Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP
    )


def bare(value: Decimal | None, missing: str = "") -> str:
    """A number without trailing zeros: 11, 4.3."""
    if value is None:
        return missing
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def pct(part: float, whole: float, missing: str = "0") -> str:
    """A percentage with one decimal place at most, as in the 2018/19 tables and the school census."""
    return bare(rounded(part, whole, 1), missing)


def pct_sign(part: float, whole: float) -> str:
    """A percentage with one decimal place and a % sign, as in the 2022/23 census table."""
    value = rounded(part, whole, 1)
    return "0.0%" if value is None else f"{value}%"


def write_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence],
    *,
    bom: bool = False,
    encoding: str = "utf-8",
    end: str = "\n",
    quote_all: bool = False,
    last_newline: bool = True,
) -> Path:
    """Write a CSV file in a publisher's dialect; a name ending in .gz is compressed without a time stamp, so
    that it can be compared.
    """
    buffer = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, lineterminator=end, quoting=quoting)
    writer.writerow(header)
    writer.writerows(rows)
    text = buffer.getvalue()
    text = text if last_newline else text.removesuffix(end)
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
    return path
