"""The method behind the workbook, one room per stage. This is the door: importing it loads nothing else.

    from helpers import model, show, start

`start` opens a step of a region, `show` prints tables and charts, and each room named below is a stage of the
work or what stands beside it; `help(helpers.model)` lists what a room offers.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors; at run time __getattr__ below looks a name up
    from helpers import (
        audit,
        evaluate,
        expectations,
        explore,
        ingest,
        model,
        monitor,
        peers,
        records,
        report,
        share,
        support,
    )
    from helpers.base import show
    from helpers.run.step import start

__version__ = "0.3.0"

# One thread for numerical libraries that are loaded later, where nobody asked for more (`base/threads.py`): this
# holds for notebooks by hand, tests and benchmarks; a stage has one in any case.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHORT = {"show": "helpers.base.show", "start": "helpers.run.step:start"}

__all__ = [
    "audit",
    "evaluate",
    "expectations",
    "explore",
    "ingest",
    "model",
    "monitor",
    "peers",
    "records",
    "report",
    "share",
    "show",
    "start",
    "support",
]


def __getattr__(name: str):
    """Look a room up when it is first used."""
    if name in SHORT:
        module, _, attribute = SHORT[name].partition(":")
        found = import_module(module)
        return getattr(found, attribute) if attribute else found
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
