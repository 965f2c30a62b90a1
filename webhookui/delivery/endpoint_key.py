"""What is sent to on its own, and what it is called (specification section 6, "nobody waits for a slow neighbour")."""

from __future__ import annotations

from urllib.parse import urlsplit

from webhookui.core.urls import DEFAULT_PORTS, origin_of

_TEST = "#test"


class EndpointKey(str):
    """One webhook at an endpoint: `https://api.example.com:443#12`, which is scheme, host, port and the webhook's id.

    What waits for one holds up no other. With `#test` it stands for an endpoint's tests, which nothing holds up, and without
    anything behind the port for the endpoint as a whole. It is empty where no request could be built. Rows keep it as text.
    """

    __slots__ = ()

    @classmethod
    def of(cls, url: str, webhook_id: int | None = None, *, test: bool = False) -> EndpointKey:
        return cls(origin_of(url) + (_TEST if test else f"#{webhook_id}" if webhook_id else ""))

    @property
    def origin(self) -> str:
        """scheme://host:port"""
        return self.partition("#")[0]

    @property
    def webhook_id(self) -> int | None:
        """None for tests and for an endpoint as a whole."""
        number = self.partition("#")[2]
        return int(number) if number.isdecimal() else None

    @property
    def is_test(self) -> bool:
        return self.endswith(_TEST)

    @property
    def is_endpoint(self) -> bool:
        """Whether it stands for an endpoint with all its webhooks."""
        return "#" not in self

    @property
    def endpoint(self) -> EndpointKey:
        """The endpoint, whose senders and pause its webhooks share; tests are on their own."""
        return self if self.is_test else EndpointKey(self.origin)

    @property
    def label(self) -> str:
        """The endpoint as people know it: "api.example.com", with the port when it is not the usual one."""
        try:
            parts = urlsplit(self.origin)
            usual = DEFAULT_PORTS.get(parts.scheme)
            return (parts.hostname or self) if parts.port in (usual, None) else f"{parts.hostname}:{parts.port}"
        except ValueError:  # a request may say anything
            return self
