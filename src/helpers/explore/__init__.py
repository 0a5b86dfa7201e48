"""What moves when a parameter moves? For analysts: other parameters tried on all of England at once, one school's parts
and similar schools, and two finished runs compared.
"""

from __future__ import annotations

from helpers import expectations, ingest, model, peers

STAGES = (ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE)


def __getattr__(name: str):
    """`explore.what_if`, `explore.panel` and `explore.compare`, looked up when first used."""
    from importlib import import_module

    if name in ("what_if", "panel", "compare"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
