"""Build hook: copies htmx and Bootstrap's files out of their packages into `static/vendor/` (no code of others is committed)."""

from __future__ import annotations

import importlib.resources
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HTMX = ("django_htmx/static/django_htmx/htmx-2.min.js",)


class VendorHook(BuildHookInterface):
    """Runs for `pip install -e .` and for wheels alike; the packages are build requirements only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        vendor = Path(self.root) / "static" / "vendor"
        vendor.mkdir(parents=True, exist_ok=True)
        site = Path(str(importlib.resources.files("django_htmx"))).parent
        for name in HTMX:
            shutil.copyfile(site / name, vendor / Path(name).name)
        for licence in site.glob("django_htmx-*.dist-info/licenses/LICENSE"):
            shutil.copyfile(licence, vendor / "htmx-package-LICENSE.txt")
        for folder in ("static", "templates"):
            build_data["force_include"][str(Path(self.root) / folder)] = f"webhookui/_{folder}"
