"""08 and 09 · Does the method keep what it promises (`evaluate.backtests`), and how would we know that
support works (`evaluate.trial`)? Each is a stage of its own, looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.evaluate import backtests, trial

__all__ = ["backtests", "trial"]


def __getattr__(name: str):
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
