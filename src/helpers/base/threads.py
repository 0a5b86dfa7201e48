"""How many threads a numerical library may use: one. Work is spread over processes (`abie run --jobs`), and two
OpenMP threads in each of two processes on two cores had made the model forty times slower.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# Read by each library when it is loaded, and by Arrow.
ONE_EACH: Mapping[str, str] = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread inside the block, whatever the environment says: both for libraries that are there already and
    for those that are loaded meanwhile.
    """
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in ONE_EACH}
    os.environ.update(ONE_EACH)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
