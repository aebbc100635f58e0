"""A real browser, for tests of pages: Chromium or Chrome with its chromedriver, driven by selenium (in the `test` extra)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DRIVERS = ("chromedriver", "chromium.chromedriver")


def open_browser(profile: Path, width: int = 1280, height: int = 900) -> Any:
    """A browser without a window; the test is skipped where none is installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install 'ftdd[test]'")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _first_there(BROWSERS)
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-sync", f"--user-data-dir={profile}")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}", *quiet):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(_first_there(DRIVERS)))


def _first_there(names: tuple[str, ...]) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser to look at the page with: none of {', '.join(names)} is installed")
    return found
