"""webhookui itself as a process of its own, on a fresh data folder, for benchmarks that measure it from outside."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

EMAIL = "bench@example.com"
PASSWORD = "benchmark-password-1"  # noqa: S105 - of a throw-away installation


class Server:
    """`webhookui run` (or `web`) on a free loopback port; `api` is a session with an admin's token.

    What is written into `folder` before it is entered is what it starts with.
    """

    def __init__(self, what: str = "run", **environment: str) -> None:
        self._what = what
        self._folder = tempfile.TemporaryDirectory(prefix="webhookui-bench-")
        self.folder = Path(self._folder.name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {
            "WEBHOOKUI_INSTANCE": self._folder.name,
            "WEBHOOKUI_PORT": str(self.port),
            "WEBHOOKUI_ALLOWED_NETWORKS": "127.0.0.0/8",
            "WEBHOOKUI_LOG_LEVEL": "WARNING",
            **environment,
        }
        self.api = requests.Session()
        self.api.trust_env = False

    def command(self, *words: str, typed: str = "") -> str:
        """Runs the command line on the same data folder and returns what it prints."""
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "webhookui", *words],
            env=self._environment,
            input=typed,
            text=True,
            capture_output=True,
            check=True,
        )
        return done.stdout.strip()

    def __enter__(self) -> Server:
        self.command("user", "create", EMAIL, "--admin", typed=PASSWORD + "\n")
        self.api.headers["Authorization"] = f"Bearer {self.command('token', 'create', EMAIL)}"
        with (Path(self._folder.name) / "server.log").open("w") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "webhookui", self._what], env=self._environment, stdout=log, stderr=log
            )
        for _ in range(300):
            try:
                if self.api.get(f"{self.address}/healthz", timeout=1).ok:
                    return self
            except requests.RequestException:
                time.sleep(0.1)
        raise RuntimeError((Path(self._folder.name) / "server.log").read_text())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._folder.cleanup()

    def browser(self) -> requests.Session:
        """A session that is logged in, as a browser is."""
        return logged_in(self.address, EMAIL, PASSWORD)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One call of the API; raises on an error status."""
        answer = self.api.request(method, f"{self.address}/api/v1{path}", json=body or None, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def logged_in(address: str, email: str, password: str) -> requests.Session:
    """A session that has gone through the login page as a browser does; raises when it is not let in."""
    session = requests.Session()
    session.trust_env = False
    token = re.search(r'name="csrf_token" value="([^"]+)"', session.get(f"{address}/login", timeout=20).text)
    form = {"email": email, "password": password, "csrf_token": token[1] if token else ""}
    answer = session.post(f"{address}/login", data=form, timeout=20, allow_redirects=False)
    if answer.status_code not in (302, 303):
        raise RuntimeError(f"{address}/login: {answer.status_code} {answer.text}")
    return session


def deal_workflow(url: str, **over: Any) -> dict[str, Any]:
    """A workflow that calls `url` whenever a deal is closed."""
    action = {
        "type": "webhook", "title": "Create invoice", "url": url, "method": "POST", "content_type": "JSON",
        "parameters": [
            {"name": "invoice.name", "value": "{{ name }}"},
            {"name": "invoice.amount", "value": "{{ amount }}"},
            {"name": "invoice.stage", "value": "{{ stage }}"},
        ],
    }  # fmt: skip
    document = {
        "name": "Invoice closed deals", "module": "deals", "active": True,
        "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}], "any": []},
        "actions": [action],
    }  # fmt: skip
    return document | over
