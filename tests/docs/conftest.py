"""The example package of the docs, installed where only a PYTHONPATH finds it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Installs a package without its dependencies into a folder of its own, once, and gives the folder."""
    done: dict[Path, Path] = {}

    def install(package: Path) -> Path:
        if package not in done:
            site = tmp_path_factory.mktemp("site")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
            command += ["--disable-pip-version-check", "--target", str(site), str(package)]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
            done[package] = site
        return done[package]

    return install
