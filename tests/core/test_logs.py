"""What goes into the program's own log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

CRASH = """
import structlog
from webhookui.core import logs
logs.configure()
def send(password):
    raise RuntimeError("broken")
try:
    send("the-opened-" + "secret")
except RuntimeError:
    structlog.get_logger("x").exception("request_failed", path="/here")
"""


def test_a_traceback_shows_no_local_variables_not_even_on_a_terminal() -> None:
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-c", CRASH], stderr=slave, check=True)
    os.close(slave)
    on_terminal = os.read(master, 65536).decode()
    os.close(master)
    in_file = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=True).stderr
    for written in (on_terminal, in_file):
        assert "RuntimeError: broken" in written and "in send" in written and "request_failed" in written
        assert "the-opened-secret" not in written
