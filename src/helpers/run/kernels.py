"""Kernels of the runner: always the running interpreter's own, with one thread per numerical library; forked from
a warm server (`warm`) where there is one, else started plainly.

A kernel manager is what nbclient and papermill take (`kernel_manager_class`); how it starts a kernel is a
provisioner's part, jupyter_client's public extension point.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner

from helpers.base.threads import ONE_EACH
from helpers.run.warm import receive, send

PATIENCE = 120.0  # seconds for an answer: the first one comes when everything is loaded


class Refused(OSError):
    """The server cannot fork."""


class Forked:
    """A kernel that the server forked, with the face of `subprocess.Popen`. Raises OSError where it did not."""

    stdin = stdout = stderr = None

    def __init__(self, address: str, step: str, command: list[str], env: dict[str, str], cwd: str):
        self.returncode: int | None = None
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        try:
            self.connection.connect(address)
            answer = self._ask("start", step=step, command=command, env=env, cwd=cwd)
            if not answer.get("pid"):
                raise Refused(answer.get("refused", "the server is gone"))
        except OSError:
            self.connection.close()
            raise
        self.pid: int = answer["pid"]

    def _ask(self, do: str, **more: object) -> dict:
        """The server's answer; a kernel whose server is gone is over."""
        try:
            send(self.connection, do=do, **more)
            answer = receive(self.connection)
        except OSError:
            answer = None
        return {"code": -signal.SIGKILL} if answer is None else answer

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._ask("poll")["code"]
            if self.returncode is not None:
                self.connection.close()
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.02)
        return int(self.returncode or 0)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            self._ask("signal", signal=int(number))

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Provisioner(LocalProvisioner):
    """Starts a kernel by asking the server at `address`; plainly where there is none, or where it refuses."""

    address = step = ""

    async def pre_launch(self, **kw: Any) -> dict[str, Any]:
        return await super().pre_launch(**kw | {"env": {**kw.get("env", os.environ), **ONE_EACH}})

    async def launch_kernel(self, cmd: list[str], **kw: Any) -> Any:
        if self.address:
            folder = str(kw.get("cwd") or os.getcwd())
            try:
                self.process = Forked(self.address, self.step, cmd, kw["env"], folder)
                self.pid = self.process.pid
                return self.connection_info
            except OSError as error:
                self.log.warning("A plain kernel is started: %s", error)
        return await super().launch_kernel(cmd, **kw)


class Manager(AsyncKernelManager):
    """Manages a kernel of this interpreter, whatever kernels are installed under its name elsewhere."""

    address = step = ""

    def __init__(self, **kw: Any):
        super().__init__(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), **kw)
        self.provisioner = Provisioner(kernel_spec=self.kernel_spec, parent=self)
        self.provisioner.address, self.provisioner.step = self.address, self.step


def manager(address: str, step: str = "") -> type[Manager]:
    """The class of managers whose kernels come from the server at `address`, with what the notebook `step` imports
    loaded; plain ones where there is no address.
    """
    return type("Manager", (Manager,), {"address": address, "step": step})
