"""*Copy as cURL*: what a real shell makes of the command."""

import json
import subprocess
from pathlib import Path

import pytest

from webhookui.web.copy_as_curl import copy_as_curl


def arguments(command: str, folder: Path) -> list[bytes]:
    """What curl would be called with, told by a stand-in that prints its arguments."""
    stand_in = folder / "curl"
    stand_in.write_text("#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n")
    stand_in.chmod(0o755)
    script = f"PATH={folder}:$PATH\n{command}"
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.split(b"\0")[:-1]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"it\'s $HOME `id` \\\\ \\n"}', b"@/etc/passwd", b"a\nb\r\n\tc'd\\", "žluťoučký 🐎".encode(),
        b"\xff\xfe\x01'\\", b"-d x", b"!history",
    ],
)  # fmt: skip
def test_a_body_arrives_byte_for_byte(body: bytes, tmp_path: Path) -> None:
    called = arguments(copy_as_curl("POST", "https://a.example/x?y=1&z='q'", [["X-A", "b"]], body), tmp_path)
    assert called == [b"-X", b"POST", b"https://a.example/x?y=1&z='q'", b"-H", b"X-A: b", b"--data-raw", body]


def test_headers_that_curl_sets_itself_are_left_to_it(tmp_path: Path) -> None:
    headers = [["Content-Length", "5"], ["Host", "a"], ["Authorization", "Bearer ••••••"]]
    called = arguments(copy_as_curl("GET", "https://a.example/", headers, None), tmp_path)
    assert [text.decode() for text in called[3:]] == ["-H", "Authorization: Bearer ••••••"]


def test_json_stays_json(tmp_path: Path) -> None:
    value = {"text": "line\nline", "quote": "'\""}
    body = json.dumps(value).encode()
    assert json.loads(arguments(copy_as_curl("POST", "http://a/", [], body), tmp_path)[-1]) == value
