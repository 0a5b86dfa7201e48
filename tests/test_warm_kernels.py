"""Claims about forked kernels: each notebook starts from the same untouched state, shows what it would show in a
plain kernel, and nothing outlives whoever asked for it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from helpers.run import warm
from helpers.run.kernels import Forked, manager

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all kernels are plain")


@pytest.fixture(scope="module")
def server():
    with warm.server() as address:
        assert address
        yield address


def run(address: str, *cells: str, **how) -> nbformat.NotebookNode:
    """A made-up notebook, executed."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(book, kernel_name="python3", kernel_manager_class=manager(address), **how)
    return client.execute()


def said(address: str, code: str) -> dict:
    """What a notebook of one cell prints as JSON."""
    (cell,) = run(address, f"import json, os, sys\nprint(json.dumps({code}))").cells
    return json.loads(cell.outputs[0].text)


def alive(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(*pids: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_nothing_passes_from_one_notebook_to_the_next(server, tmp_path):
    left = tmp_path / "left-open"
    run(
        server,
        "import math, os, random, sys, numpy as np, pandas as pd\nname = 1\nmath.pi = 3\nimport wave",
        "pd.options.display.max_rows = 7\nsys.argv.append('mine')\nrandom.seed(1)\nnp.random.seed(1)",
        f"os.environ['LEFT'] = '1'\nhandle = open({str(left)!r}, 'w')\nos.chdir({str(tmp_path)!r})",
    )
    told = said(
        server,
        "dict(name='name' in globals(), pi=__import__('math').pi, wave='wave' in sys.modules, argv=sys.argv, "
        "rows=__import__('pandas').options.display.max_rows, left=os.environ.get('LEFT'), folder=os.getcwd(), "
        "files=[os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')])",
    )
    assert not told["name"] and told["pi"] > 3.14 and not told["wave"] and told["rows"] == 60
    assert told["left"] is None and told["folder"] == os.getcwd() and "mine" not in told["argv"]
    assert Path(told["argv"][0]).name == "ipykernel_launcher.py" and str(left) not in told["files"]


def test_every_notebook_draws_its_own_random_numbers(server):
    draws = "[__import__('random').random(), __import__('numpy').random.random()]"
    one, two = said(server, draws), said(server, draws)
    assert one[0] != two[0] and one[1] != two[1]


def test_the_environment_and_the_folder_are_those_of_the_caller(server, monkeypatch, tmp_path):
    monkeypatch.setenv("SAID_LATER", "yes")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.chdir(tmp_path)
    for address in (server, ""):
        told = said(
            address, "[os.environ['SAID_LATER'], os.getcwd(), os.environ['OMP_NUM_THREADS'], sys.executable]"
        )
        assert told == ["yes", str(tmp_path), "1", sys.executable], address


def test_a_notebook_shows_what_it_shows_in_a_plain_kernel(server):
    cells = (
        "import pandas as pd, plotly.express as px\nprint(sorted(k for k in globals() if k[0] != '_'))",
        "pd.DataFrame([range(40)] * 80)",
        "px.bar(x=[1, 2], y=[3, 4])",
        "import sys\nsys.stderr.write('a warning')\nsys.path, sys.argv[3:], sys.flags, __name__",
        "import threading, signal\n[t.name for t in threading.enumerate()], signal.getsignal(signal.SIGINT)",
        "def broken():\n    return 1 / 0\nbroken()",
    )
    forked, plain = (run(address, *cells, allow_errors=True) for address in (server, ""))
    for cell, other in zip(forked.cells, plain.cells, strict=True):
        assert cell.outputs == other.outputs and cell.outputs
    assert forked.metadata == plain.metadata


def test_a_killed_kernel_hurts_nobody_and_leaves_nothing(server):
    (owner,) = {said(server, "os.getppid()")}
    assert owner != os.getpid()
    with pytest.raises(DeadKernelError):
        run(server, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert said(server, "os.getppid()") == owner
    assert children(owner) == []


def test_a_notebook_can_be_interrupted(server):
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        run(server, "import time\ntime.sleep(100)", timeout=1, interrupt_on_timeout=True)


def test_a_kernel_ends_when_whoever_asked_for_it_is_gone(server, tmp_path):
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(tmp_path / "connection.json")]
    kernel = Forked(server, "", command, dict(os.environ), str(tmp_path))
    assert kernel.poll() is None and alive(kernel.pid)
    kernel.connection.close()
    assert gone(kernel.pid)


def test_signals_and_the_exit_code_come_through(server, tmp_path):
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(tmp_path / "connection.json")]
    kernel = Forked(server, "", command, dict(os.environ), str(tmp_path))
    kernel.terminate()
    assert kernel.wait() == -signal.SIGTERM
    kernel.kill()  # over: nothing to signal, nothing raised
    broken = Forked(server, "", command, dict(os.environ), str(tmp_path / "no such folder"))
    assert broken.wait() == 1


def test_no_fork_is_made_of_a_process_with_threads(monkeypatch):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        monkeypatch.setattr(warm, "load", lambda step: None)
        assert "threads" in warm.prepare("")
    finally:
        stop.set()
        thread.join()


def test_a_plain_kernel_is_started_where_the_server_refuses_or_is_gone(tmp_path):
    def refuse(listener):
        connection, _ = listener.accept()
        warm.receive(connection)
        warm.send(connection, pid=0, refused="the server has 2 threads")

    address = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=refuse, args=[listener])
        thread.start()
        assert said(address, "os.getppid()") == os.getpid()
        thread.join()
    assert said(address, "os.getppid()") == os.getpid()


def test_the_server_and_its_kernels_end_with_their_owner(tmp_path):
    code = f"""
import os, sys, time
from helpers.run import warm
from helpers.run.kernels import Forked
with warm.server() as address:
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", {str(tmp_path / "connection.json")!r}]
    kernel = Forked(address, "", command, dict(os.environ), {str(tmp_path)!r})
    print(kernel.pid, address, flush=True)
    time.sleep(100)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    kernel, address = owner.stdout.readline().split()
    (server,) = children(owner.pid)
    assert alive(int(server)) and alive(int(kernel))
    owner.kill()
    owner.wait()
    assert gone(int(server), int(kernel))
    assert not Path(address).parent.exists()


def test_the_kernel_is_this_interpreter_whatever_is_installed_as_python3(server, monkeypatch, tmp_path):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "another", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert said("", "sys.executable") == said(server, "sys.executable") == sys.executable


def test_no_server_is_started_where_it_is_not_wanted_or_cannot_be(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with warm.server(False) as address:
        assert address == ""
    monkeypatch.setattr(sys, "platform", "darwin")
    with warm.server() as address:
        assert address == ""
