"""A server that has loaded what the notebooks import, and forks every kernel from itself.

A plain kernel spends most of its time on imports: two thirds of what a region's notebooks cost. A forked one has
them already and is still a process of its own, made from the same untouched state as the one before: no name,
module state, random state, environment variable or open file passes from one notebook to the next.

    python -m helpers.run.warm SOCKET OWNER

listens on an inherited Unix socket (its file descriptor) until the process OWNER is gone. Each connection stands
for one kernel: `start` forks it, `poll` says whether it still runs, `signal` reaches its process group, and when
the connection closes the kernel is killed. So no number of a process is used after that process was reaped, and
nothing outlives whoever asked for it. Messages are lines of JSON.

Only the standard library is imported here, and what a notebook needs before its first kernel is forked. The
callers' side is `kernels`.
"""

from __future__ import annotations

import ast
import builtins
import gc
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from helpers.base.threads import ONE_EACH

# A library's own threads: none for numbers but the main one, and none for the housekeeping of Arrow's memory.
QUIET = {**ONE_EACH, "JE_ARROW_MALLOC_CONF": "background_thread:false"}
# What nearly every notebook comes to load while it runs, beside what its code imports.
USED = """
import ipykernel.kernelapp, ipykernel_launcher, numpy, pyarrow.dataset, pyarrow.parquet
import pandas, pandera.pandas; pandera.pandas.DataFrameSchema().validate(pandas.DataFrame())
import plotly.express; plotly.express.bar(x=[1], y=[1])._repr_mimebundle_()
"""


@contextmanager
def server(wanted: bool = True) -> Iterator[str]:
    """Starts a server; gives its address. No address (nothing is started) where it is not wanted, and where the
    platform cannot: only on Linux is it safe to fork what was loaded, and can threads be counted.
    """
    if not (wanted and sys.platform == "linux" and Path("/proc/self/task").is_dir()):
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="abie-") as folder, socket.socket(socket.AF_UNIX) as listener:
        address = str(Path(folder) / "kernels")  # nobody else may look into the folder
        try:
            listener.bind(address)
        except OSError:  # a temporary folder with too long a name
            yield ""
            return
        listener.listen()
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "helpers.run.warm", str(number), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            pass_fds=[number],
            env={**os.environ, **QUIET},
        )
        listener.close()  # now the server's alone: nobody waits at the door of one that is gone
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


def send(connection: socket.socket, **message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def receive(connection: socket.socket) -> dict | None:
    """The next message; None when the other side is gone."""
    text = b""
    while not text.endswith(b"\n"):
        block = connection.recv(1 << 16)
        if not block:
            return None
        text += block
    return json.loads(text)


def serve(listener: socket.socket, owner: int) -> dict | None:
    """Answer until the owner is gone; then None. In a forked child: the message that it was forked for."""
    kernels: dict[socket.socket, Kernel] = {}
    while os.getppid() == owner:
        for ready in select.select([listener, *kernels], [], [], 1.0)[0]:
            if ready is listener:
                kernels[listener.accept()[0]] = Kernel()
                continue
            kernel = kernels[ready]
            try:
                asked = receive(ready)
                if asked and asked["do"] == "start":
                    refusal = prepare(asked["step"])
                    if not refusal and kernel.fork():
                        for one in (listener, *kernels):
                            one.close()
                        return asked
                    send(ready, pid=kernel.pid, refused=refusal)
                elif asked and asked["do"] == "poll":
                    send(ready, code=kernel.poll())
                elif asked:
                    kernel.signal(asked["signal"])
                    send(ready)
            except OSError:
                asked = None
            if asked is None:
                kernels.pop(ready)
                ready.close()
                kernel.end()
    for kernel in kernels.values():
        kernel.end()
    return None


class Kernel:
    """A child of the server. `pid` is 0 before it is forked."""

    def __init__(self) -> None:
        self.pid, self.code = 0, None

    def fork(self) -> bool:
        """True in the child."""
        self.pid = os.fork()
        return self.pid == 0

    def poll(self) -> int | None:
        """Its exit code, below zero for the signal that ended it; None while it runs."""
        if self.pid and self.code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code

    def signal(self, number: int) -> None:
        """To the kernel and to what it started, unless it is over."""
        if self.pid and self.poll() is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # not yet the leader of its group
                os.kill(self.pid, number)

    def end(self) -> None:
        self.signal(signal.SIGKILL)
        if self.pid and self.code is None:
            os.waitpid(self.pid, 0)


def prepare(step: str) -> str:
    """Load what a notebook needs. Returns why there can be no fork, or nothing: a fork copies one thread, and
    leaves the locks of all others as they were.
    """
    load(step)
    threads = len(os.listdir("/proc/self/task"))
    return f"the server has {threads} threads" if threads > 1 else ""


@cache
def load(step: str) -> None:
    """Import what the notebook `step` needs: the lines in its cells, and all modules of ours that they come to
    use. Once; the next notebook finds it there. What cannot be imported must fail in the notebook, not here.
    """
    with _as_in_a_kernel(), without_grammar():
        from helpers.base.code import closure  # pandas comes with these
        from helpers.run.notebooks import steps

        notebook = steps().get(step)
        source = "\n".join(text for kind, text in notebook.cells if kind == "code") if notebook else ""
        modules = closure(*notebook.modules) if notebook else ()
        for line in [*USED.splitlines(), *(f"import {name}" for name in modules), *_imports(source)]:
            with suppress(Exception):
                exec(line, {})
    gc.collect()
    gc.freeze()  # no collection in a child touches, and so copies, what is shared


def _imports(source: str) -> list[str]:
    """The import lines of a piece of source."""
    return [ast.unparse(n) for n in ast.parse(source).body if isinstance(n, ast.Import | ast.ImportFrom)]


@contextmanager
def without_grammar() -> Iterator[None]:
    """While the block runs, jsonschema (with papermill, nbformat and plotly it is everywhere) is imported without
    the grammar of international addresses, which takes a second to compile and checks what nobody has here.
    """
    name = "rfc3987_syntax"
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = None  # Python's way to say: not to be found
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


@contextmanager
def _as_in_a_kernel() -> Iterator[None]:
    """While the block runs, `get_ipython()` gives a kernel's shell: pandas asks for it when it is imported, to
    know how wide a table may be, and plotly to know where a chart is shown.
    """
    from unittest.mock import patch

    import IPython
    from ipykernel.zmqshell import ZMQInteractiveShell

    shell = ZMQInteractiveShell.__new__(ZMQInteractiveShell)
    with patch.object(IPython, "get_ipython", lambda: shell):
        with patch.object(builtins, "get_ipython", lambda: shell, create=True):
            yield


def run_kernel(command: list[str], env: dict[str, str], cwd: str) -> None:
    """Be the kernel of a command like `python -m ipykernel_launcher -f FILE`, with its own session, signals,
    random state, environment, arguments and input.
    """
    import ipykernel_launcher
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(env | {"JPY_PARENT_PID": str(os.getppid())})
    os.chdir(cwd)
    random.seed()
    np.random.seed()
    sys.argv = [ipykernel_launcher.__file__, *command[command.index("ipykernel_launcher") + 1 :]]
    IPKernelApp.launch_instance(parent_handle=os.getppid())


def main(words: list[str]) -> None:
    del sys.path[0]  # the working folder; a kernel puts it where it belongs
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who then goes
    listener = socket.socket(fileno=int(words[0]))
    folder = Path(listener.getsockname()).parent
    asked = serve(listener, int(words[1]))
    if asked:
        run_kernel(asked["command"], asked["env"], asked["cwd"])
    else:
        shutil.rmtree(folder, ignore_errors=True)  # the owner was killed, or would have done so


if __name__ == "__main__":
    main(sys.argv[1:])
