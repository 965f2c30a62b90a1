"""*Copy as cURL*: what a real shell makes of the command."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.receiver import Receiver
from webhookui.web.log.copy_as_curl import copy_as_curl


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
        "\u2028\x85 and a line\n".encode(),
        b'{"a":"it\'s $HOME `id` \\\\ \\n"}', b"@/etc/passwd", b"a\nb\r\n\tc'd\\", "žluťoučký 🐎".encode(),
        b"\xff\xfe\x01'\\", b"-d x", b"!history",
    ],
)  # fmt: skip
def test_a_body_arrives_byte_for_byte(body: bytes, tmp_path: Path) -> None:
    called = arguments(copy_as_curl("POST", "https://a.example/x?y=1&z='q'", [["X-A", "b"]], body), tmp_path)
    expected = [b"-X", b"POST", b"https://a.example/x?y=1&z='q'", b"-H", b"X-A: b", b"-H", b"Content-Type:"]
    assert called == [*expected, b"--data-raw", body]


def test_headers_that_curl_sets_itself_are_left_to_it(tmp_path: Path) -> None:
    headers = [["Content-Length", "5"], ["Host", "a"], ["Authorization", "Bearer ••••••"]]
    called = arguments(copy_as_curl("GET", "https://a.example/", headers, None), tmp_path)
    assert [text.decode() for text in called[3:]] == ["-H", "Authorization: Bearer ••••••"]


def test_json_stays_json(tmp_path: Path) -> None:
    value = {"text": "line\nline", "quote": "'\""}
    body = json.dumps(value).encode()
    assert json.loads(arguments(copy_as_curl("POST", "http://a/", [], body), tmp_path)[-1]) == value


REAL = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
QUERY = "/x?filter[0]=a&name=O'Neill%20%26%20co&set={a,b}&price=$HOME&star=*"


@REAL
@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("POST", [["Content-Type", "application/json"], ["X-Note", "it's `here` $HOME"]], '{"a":"\'č\'\\n"}'.encode()),
        ("PUT", [["Content-Type", "application/xml; charset=utf-8"]], b"<a>\n\t<b/>\n</a>"),
        ("PATCH", [], b"@not-a-file"),
        ("POST", [["Content-Type", "application/x-www-form-urlencoded"]], b"a%5Bb%5D=1&c=%20"),
        ("DELETE", [["webhook-id", "12"]], None),
        ("GET", [["X-Empty", ""]], None),
    ],
)
def test_a_real_curl_sends_the_same_request(
    method: str, headers: list[list[str]], body: bytes | None, receiver: Receiver
) -> None:
    command = copy_as_curl(method, receiver.url + QUERY, headers, body)
    subprocess.run(["bash", "-c", f"{command} --silent --noproxy '*'"], check=True, timeout=20)
    sent = receiver.requests[0]
    assert sent.line == f"{method} {QUERY} HTTP/1.1"
    assert sent.body == (body or b"")
    for name, value in headers:
        assert sent.header(name) == value
    assert (sent.header("Content-Type") is None) == ("Content-Type" not in dict(headers))


@REAL
def test_a_body_that_no_command_line_takes_is_read_from_its_download(receiver: Receiver, tmp_path: Path) -> None:
    for body in (b"\x00\x01 binary", b"x" * 65537):
        (tmp_path / "delivery-7-request.txt").write_bytes(body)
        command = copy_as_curl("POST", receiver.url, [], body, "delivery-7-request.txt")
        subprocess.run(["bash", "-c", f"{command} --silent --noproxy '*'"], check=True, timeout=20, cwd=tmp_path)
        assert receiver.requests[-1].body == body
