"""What a webhook is, as values (specification section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER_TYPES = {"auto": "Auto", "text": "Text", "number": "Number", "boolean": "Boolean", "json": "JSON"}
MAX_RELATED = 5
MASK = "••••••"
"""Stands for a secret wherever a request is shown."""
DEFAULT_TIMEOUT_S = 10
LONGEST_TIMEOUT_S = 60


@dataclass(frozen=True)
class Parameter:
    """One name–value row. `type` is a key of PARAMETER_TYPES. `secret`: the place of its secret value (`secret_values.Places`);
    empty when its value is no secret."""

    name: str
    value: str = ""
    type: str = "auto"
    required: bool = False
    omit_empty: bool = False
    secret: str = ""


@dataclass(frozen=True)
class Header:
    """`secret`: as a parameter's."""

    name: str
    value: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Related:
    """A related module with parameter rows of its own, whose placeholders speak of the related record."""

    module: str
    key: str
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Authorization:
    """`type`: a key of webhooks.authorization.AUTHORIZATIONS. `in_`: "header" or "query", for an API key."""

    type: str = "none"
    username: str = ""
    in_: str = "header"
    name: str = ""
    token_url: str = ""
    client_id: str = ""
    scope: str = ""
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    audience: str = ""
    client_authentication: str = "basic"
    """How a client says who it is at the token URL: "basic" or in the "body"."""


@dataclass(frozen=True)
class CaptureRow:
    """A path and the record's field that its value goes into. `all`: all matches, not the first."""

    path: str
    field: str
    all: bool = False


@dataclass(frozen=True)
class Capture:
    """`type`: "JSONPATH" or "XPATH". `namespaces`: prefix → URI."""

    type: str
    on_success: tuple[CaptureRow, ...] = ()
    on_failure: tuple[CaptureRow, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SuccessIf:
    """Beside a 2xx status: the path exists, or equals a text."""

    type: str
    path: str
    equals: str | None = None


@dataclass(frozen=True, eq=False)
class Webhook:
    """One webhook, complete. Times in seconds; `rate_limit_per_s`: requests a second at the most."""

    title: str
    url: str
    description: str = ""
    method: str = "POST"
    content_type: str = "JSON"
    authorization: Authorization = field(default_factory=Authorization)
    headers: tuple[Header, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    related: tuple[Related, ...] = ()
    capture: Capture | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    xml_root: str = "root"
    signing: bool = False
    signing_secret: str | None = field(default=None, repr=False)
    drop_stale_retries: bool = False
    success_if: SuccessIf | None = None
    rate_limit_per_s: float | None = None
    follow_redirects: bool = False
    list_style: str | None = None
    """A key of form_body.LIST_STYLES. None: indexed in FORM, one text in a query string."""
    media_type: str = ""
    """Of RAW: the Content-Type as it is sent …"""
    body: str = ""
    """… and the template of the body."""
    secret_names: tuple[str, ...] = ()
    """Secrets that placeholders bring, as `{{ secret.name }}`, into the URL, headers and parameters."""
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Place of a secret header, parameter or name → what was typed, where it is known."""
    markers: Mapping[str, str] = field(default_factory=dict)
    """Place → what stands for the secret in a request until it is sent."""
