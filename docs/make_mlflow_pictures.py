"""Photograph MLflow's UI on a study, for docs/howto/mlflow.md.

    python docs/make_mlflow_pictures.py STORE STUDY

Starts `ftdd ui` on the store, opens the page that the how-to page shows in headless Chromium, and writes
docs/images/mlflow_study.png. Needs selenium, Chromium and its chromedriver, and Pillow.
"""

import argparse
import io
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1500, 1280
SECONDS = 90
NO_PATH = """
for (const one of document.querySelectorAll("span, div"))
  if (one.childElementCount === 0 && one.textContent.startsWith("Path:")) one.style.visibility = "hidden"
"""
COLORS = 128
"""Of a picture's palette: a third of the bytes, and nothing to be seen of it."""


def main() -> None:
    """Serve, photograph, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("study")
    given = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from ftdd.cli import main; main()",
        "ui",
        "--store",
        str(given.store),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command) as server, tempfile.TemporaryDirectory() as profile:
        browser = open_browser(profile)
        try:
            base = f"http://127.0.0.1:{port}/"
            wait(lambda: answers(base))
            photograph(browser, base, given.store, given.study)
        finally:
            browser.quit()
            server.send_signal(signal.SIGINT)


def photograph(browser: Any, base: str, store: Path, study: str) -> None:
    """The artifacts of the study's own run."""
    from ftdd_plugins.mlflow_mirror.tracking import open_client

    client = open_client(store.absolute())
    experiment = client.get_experiment_by_name(study).experiment_id
    (parent,) = client.search_runs([experiment], "tags.`ftdd.role` = 'study'")
    browser.get(f"{base}#/experiments/{experiment}/runs/{parent.info.run_id}/artifacts?workflowType=machine_learning")
    wait(lambda: browser.find_elements("xpath", "//*[text()='report.html']"))
    browser.find_elements("xpath", "//*[text()='report.html']")[0].click()
    take(browser, "study")


def take(browser: Any, name: str) -> None:
    """Without the assistant's panel, when the page has come to rest."""
    from PIL import Image

    time.sleep(3)
    browser.execute_script(NO_PATH)
    for button in browser.find_elements("css selector", "button[aria-label*='lose']"):
        if button.is_displayed():
            button.click()
    time.sleep(4)
    path = IMAGES / f"mlflow_{name}.png"
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.quantize(COLORS).save(path, optimize=True)
    print(path)


def open_browser(profile: str) -> Any:
    """Chromium without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-sync", f"--user-data-dir={profile}")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={WIDTH},{HEIGHT}", *quiet):
        options.add_argument(argument)
    return webdriver.Chrome(options=options)


def answers(address: str) -> bool:
    """Whether the server is there."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait(until: Callable[[], Any]) -> None:
    """Until it is so; the script ends where that takes too long."""
    end = time.monotonic() + SECONDS
    while not until():
        if time.monotonic() > end:
            raise SystemExit("MLflow's page does not show what it should")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
