"""What an analyst does in JupyterLab: run all, move a slider, see targets and fairness move, put everything
back.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from helpers.run.jupyter import prepare
from tests.support.chromium import launch

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install -r requirements.lock"
)
TOKEN = "only-for-this-test"
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def lab(fitted):
    """Address of the analyst's copy of `explore` in a JupyterLab of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    notebook = prepare(fitted)
    options = [
        f"--port={port}",
        "--ip=127.0.0.1",
        "--no-browser",
        "--allow-root",
        f"--IdentityProvider.token={TOKEN}",
    ]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={notebook.parent}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=1)
            break
        except OSError:
            time.sleep(0.5)
    else:
        server.kill()
        pytest.fail("JupyterLab did not start within two minutes")
    yield f"{address}/lab/tree/{notebook.name}?token={TOKEN}"
    server.terminate()
    server.wait(timeout=60)


@pytest.fixture(scope="module")
def panel(lab):
    """The opened notebook, all cells run, its panel drawn."""
    with playwright.sync_playwright() as driver:
        browser = launch(driver)
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_selector(
            "#jp-main-statusbar :text('| Idle')"
        )  # cells sent before the kernel is there are lost
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        page.wait_for_selector(".jupyter-widgets", state="attached")
        page.locator(".jupyter-widgets").first.scroll_into_view_if_needed()
        page.wait_for_selector(".jupyter-widgets .noUi-handle")
        yield page
        browser.close()


def slide(panel, label: str, key: str, times: int = 1) -> None:
    row = panel.locator(".widget-hslider", has_text=label)
    row.locator(".noUi-handle").focus()
    for _ in range(times):
        panel.keyboard.press(key)


def test_a_moved_slider_says_what_changed_and_for_how_many(panel):
    slide(panel, "Slope", "ArrowRight", 3)
    told = panel.locator(".jupyter-widgets", has_text="slope 0.35 (run: 0.2)").last
    told.wait_for()
    words = told.inner_text()
    assert "schools are asked for at least 0.05 points more or less" in words
    assert "Mean ask over pupils" in words


def test_as_in_the_run_puts_everything_back(panel):
    slide(panel, "Cap", "ArrowLeft")
    panel.locator(".jupyter-widgets", has_text="cap").last.wait_for()
    panel.click("button:has-text('As in the run')")
    panel.locator(".jupyter-widgets", has_text="(run: 0.2)").last.wait_for(state="detached")
    value = panel.locator(".widget-hslider", has_text="Slope").locator(".widget-readout").inner_text()
    assert float(value) == 0.2
