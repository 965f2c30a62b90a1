"""A third party that keeps no secret: whatever it was sent it says back, in every part of its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Echo:
    """The path's first segment says how it answers; `token` is the access token that `/token` gives."""

    def __init__(self, token: str) -> None:
        self.requests: list[str] = []
        """Request line and headers of each, as they came."""
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
                headers = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
                echo.requests.append(f"{self.requestline}\n{headers}\n\n{body}")
                how = urlsplit(self.path).path.strip("/").partition("/")[0]
                getattr(echo, f"_{how}".replace("-", "_"))(self, headers, body, token)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _say(self, handler: BaseHTTPRequestHandler, status: int, body: str, media_type: str, **headers: str) -> None:
        content = body.encode()
        handler.send_response_only(status)
        all_headers = {"Content-Type": media_type, "Content-Length": str(len(content)), **headers}
        for name, value in all_headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    def _json(self, handler: BaseHTTPRequestHandler, headers: str, body: str) -> str:
        parts = urlsplit(handler.path)
        return json.dumps(
            {
                "error": {"message": f"Refused {handler.path} with {headers}"},
                "you_sent": {
                    "path": handler.path,
                    "query": parse_qs(parts.query),
                    "headers": headers.split("\n"),
                    "body": body,
                },
            }
        )

    def _echo(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        answer = {
            "X_You_Sent": handler.headers.get("Authorization", "") or handler.headers.get("X-Api-Key", "-"),
            "X_Path": handler.path,
        }
        self._say(handler, 200, self._json(handler, headers, body), "application/json", **answer)

    def _fail(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        self._say(handler, 422, self._json(handler, headers, body), "application/json")

    def _html(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        from html import escape

        self._say(handler, 401, f"<title>{escape(handler.path)}</title><pre>{escape(headers)}</pre>", "text/html")

    def _redirect(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        self._say(handler, 307, "", "text/plain", Location=handler.path.replace("/redirect", "/echo"))

    def _away(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        """To an address that no error message leaves out."""
        self._say(handler, 302, "", "text/plain", Location=f"ftp://elsewhere.example{handler.path}")

    def _broken(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        handler.wfile.write(
            f"HTTP/1.1 200 OK\r\nNo colon in {handler.path}\r\nContent-Length: 100\r\n\r\nhalf".encode()
        )
        handler.close_connection = True

    def _nonsense(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        handler.wfile.write(f"NONSENSE {handler.path} {headers}\r\n\r\n".encode())
        handler.close_connection = True

    def _token(self, handler: BaseHTTPRequestHandler, headers: str, body: str, token: str) -> None:
        answer = {"access_token": token, "token_type": "bearer", "expires_in": 3600}
        self._say(handler, 200, json.dumps(answer), "application/json")

    def _no_token(self, handler: BaseHTTPRequestHandler, headers: str, body: str, _token: str) -> None:
        answer = {"error": "invalid_client", "error_description": f"You sent {headers} and {body}"}
        self._say(handler, 401, json.dumps(answer), "application/json")


@contextmanager
def echoing(token: str) -> Iterator[Echo]:
    echo = Echo(token)
    try:
        yield echo
    finally:
        echo.close()
