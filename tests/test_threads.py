"""Claims about threads: whatever the environment says, what is built here uses one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import threadpoolctl

from helpers.base import stages, threads
from helpers.base.params import make

LOADED = "import sklearn.ensemble, numpy, threadpoolctl, sys;"
COUNT = "print(max(pool['num_threads'] for pool in threadpoolctl.threadpool_info()))"


def pools() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


@pytest.mark.parametrize("asked", ["1", "4"])
def test_a_builder_sees_one_thread_whatever_the_environment_says(asked, monkeypatch, tmp_path):
    import sklearn.ensemble  # noqa: F401  both kinds of library are there: OpenBLAS and OpenMP

    seen = {}

    def build(run):
        seen["loaded"], seen["to be loaded"] = pools(), os.environ["OMP_NUM_THREADS"]
        return {}

    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(stages.Stage, "builder", lambda self: build)
    monkeypatch.setattr(stages.Stage, "is_current", lambda self, run: False)
    monkeypatch.setattr(stages.Stage, "_write", lambda self, run, made: None)
    with threadpoolctl.threadpool_limits(limits=3):
        before = pools()
        assert stages.Stage("dummy", "nowhere:build").ensure(make(out=str(tmp_path)))
        assert pools() == before
    assert max(before) > 1 and seen == {"loaded": [1] * len(before), "to be loaded": "1"}
    assert os.environ["OMP_NUM_THREADS"] == asked


def test_the_environment_is_as_before_when_a_builder_fails(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(OSError), threads.one_thread():
        raise OSError("full")
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("code", "said", "seen"),
    [
        ("import helpers;" + LOADED + COUNT, {}, "1"),
        ("import helpers;" + LOADED + COUNT, {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}, "3"),
    ],
    ids=["nothing said: one", "what a person says holds outside stages"],
)
def test_importing_the_package_first_is_enough_for_what_is_loaded_later(code, said, seen):
    clean = {name: value for name, value in os.environ.items() if name not in threads.ONE_EACH}
    done = subprocess.run([sys.executable, "-c", code], env=clean | said, capture_output=True, text=True)
    assert done.stdout.strip() == seen, done.stderr
