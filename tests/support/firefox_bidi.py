"""Firefox without a driver: the WebDriver BiDi protocol over its own web socket, as much of it as the tests
of the region's page need.

Playwright drives only a Firefox of its own build, which no distribution packages.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from pathlib import Path

import websocket


class Firefox:
    """One headless Firefox with one page. Use as a context manager; `profile` is an empty folder."""

    def __init__(self, program: str, profile: Path, seconds: float = 60):
        command = [
            program,
            "--headless",
            "--no-remote",
            "--remote-debugging-port",
            "0",
            "--profile",
            str(profile),
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        stop = threading.Timer(seconds, self.process.kill)
        stop.start()
        address = next(
            (
                m[1]
                for line in self.process.stderr
                if (m := re.search(r"WebDriver BiDi listening on (ws://\S+)", line))
            ),
            None,
        )
        stop.cancel()
        if address is None:
            self.process.kill()
            raise RuntimeError("Firefox said no address to listen on")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # or its pipe fills up
        self.socket = websocket.create_connection(address + "/session", timeout=seconds, suppress_origin=True)
        self.number, self.errors = 0, []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self.page = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **params) -> dict:
        """Send a command and wait for its answer. Errors that the page logs meanwhile are kept. Raises
        RuntimeError for an error of the command.
        """
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.errors.append(answer["params"]["text"])
            if answer.get("id") == self.number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]

    def open(self, url: str, width: int = 1280, height: int = 900) -> None:
        """Load a page in a window of that size."""
        self.call(
            "browsingContext.setViewport", context=self.page, viewport={"width": width, "height": height}
        )
        self.call("browsingContext.navigate", context=self.page, url=url, wait="complete")

    def evaluate(self, script: str):
        """The JSON value of an expression (a promise is awaited)."""
        wrapped = f"(async () => JSON.stringify(await ({script})))()"
        found = self.call(
            "script.evaluate", expression=wrapped, target={"context": self.page}, awaitPromise=True
        )
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        value = found["result"].get("value")
        return None if value is None else json.loads(value)

    def press(self, *keys: str) -> None:
        """Press keys one after another (a character, or its WebDriver code point)."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call(
            "input.performActions",
            context=self.page,
            actions=[{"type": "key", "id": "keys", "actions": actions}],
        )

    def click(self, selector: str) -> None:
        """Click in the middle of an element. (Enter on a button does nothing in a headless Firefox: it takes
        its window for inactive.)
        """
        middle = f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});
            const b = e.getBoundingClientRect(); return [Math.round(b.x + b.width / 2), Math.round(b.y + b.height / 2)]; }})()"""
        x, y = self.evaluate(middle)
        steps = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.call(
            "input.performActions",
            context=self.page,
            actions=[{"type": "pointer", "id": "mouse", "actions": steps}],
        )

    def __enter__(self) -> Firefox:
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)
