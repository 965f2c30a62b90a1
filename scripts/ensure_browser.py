"""Sees to a Chromium for the browser tests: the machine's, Playwright's own, or Debian's package where that can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("WEBHOOKUI_CHROMIUM")
    if named:
        return named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
        return path if os.path.exists(path) else None  # noqa: PTH110
    except Exception:
        return None


def main() -> None:
    if browser_path():
        return
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts.insert(0, ["sh", "-c", "apt-get update -q && apt-get install -y -q chromium"])
    for command in attempts:
        print("No Chromium found; trying:", " ".join(command), flush=True)
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0 and browser_path():  # noqa: S603
            return
    print(
        "Missing: a Chromium. The browser tests will be skipped. Install one (Debian: apt-get install chromium) or name it in "
        "WEBHOOKUI_CHROMIUM.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
