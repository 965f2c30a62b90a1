"""Settings of an installation, read from environment variables with the prefix `WEBHOOKUI_` (specification section 11)."""

import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import limits
from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "WEBHOOKUI_"
DATABASES = ("sqlite", "postgresql+psycopg")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _only(is_fit: Callable[[str], object]) -> AfterValidator:
    """What `is_fit` is false of, or raises ValueError for, is a mistake; EXPECTED says what may be."""

    def validated(value: str) -> str:
        if not is_fit(value):
            raise ValueError
        return value

    return AfterValidator(validated)


def _is_database(value: str) -> bool:
    try:
        url = make_url(value) if value else None
    except ArgumentError:
        return False
    if url is None or url.drivername != "sqlite":
        return url is None or url.drivername in DATABASES
    return bool(url.database) and not url.query and not url.host


def _is_address(value: str) -> bool:
    parts = urlsplit(value)
    return not value or (parts.scheme in ("http", "https") and bool(parts.hostname))


class Settings(BaseSettings):
    """Every setting with its default. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, ignored_types=(cached_property,))

    instance: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        Path("instance"), description="The data folder: database, queue, key, kept mails, backups."
    )
    database_url: Annotated[str, _only(_is_database)] = Field(
        "", description="SQLAlchemy URL. Empty: SQLite in the data folder."
    )
    secret_key_file: Path | None = Field(None, description="File of the keys that secrets are encrypted with.")
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the web server listens on.")
    base_url: Annotated[str, _only(_is_address)] = Field(
        "", description="The address people use, for links in mails and `record.url`."
    )
    trusted_proxies: int = Field(
        0, ge=0, description="Number of reverse proxies whose X-Forwarded-* headers are trusted."
    )
    secure_cookies: bool = Field(False, description="Send cookies over HTTPS only (set it behind HTTPS).")
    web_threads: int = Field(8, ge=1, description="Threads that answer web requests.")
    workers: int = Field(16, ge=1, description="Threads that send deliveries.")
    retry_delays: Annotated[tuple[Annotated[int, Field(ge=0)], ...], NoDecode] = Field(
        (3600, 7200, 14400), description="Seconds from an attempt to the next one, comma-separated."
    )
    retry_jitter: float = Field(0.0, ge=0, le=1, description="Share of a retry's delay that is random.")
    pause_after: int = Field(
        10,
        ge=1,
        description="Failures in a row after which a webhook, or an endpoint that can’t be reached, is paused.",
    )
    loop_limit: int = Field(
        20,
        ge=1,
        description="Times a minute that API saves may make a workflow fire for one record before it is held for it.",
    )
    probe_delays: Annotated[tuple[float, ...], NoDecode] = Field(
        (60, 120, 300, 600),
        description="Seconds between probes of what is paused, comma-separated; the last value repeats.",
    )
    drain_rate: float = Field(
        20.0, gt=0, description="Deliveries a second to what has just recovered, until its backlog is gone."
    )
    allowed_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="CIDRs that requests may reach in addition to public addresses, comma-separated."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Host names that requests may reach whatever they resolve to, comma-separated."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of your own certificate authorities, trusted in addition to the public ones."
    )
    response_limit: int = Field(65536, ge=1024, description="Bytes of a request or response body kept in the log.")
    read_limit: int = Field(
        1048576, ge=65536, description="Bytes of a response that are read and searched by captures."
    )
    import_limit: int = Field(209715200, ge=1048576, description="Bytes of a CSV file that is imported.")
    stop_timeout: float = Field(20.0, ge=0, description="Seconds that a graceful stop waits for requests in flight.")
    retention_days: int = Field(90, ge=1, description="Days that finished deliveries stay in the webhook log.")
    deleted_retention_days: int = Field(
        30, ge=0, description="Days that deleted records can be restored before they are purged; 0: within the minute."
    )
    time_zone: Annotated[str, _only(available_timezones().__contains__)] = Field(
        "UTC", description="Time zone of new users."
    )
    login_limit: Annotated[str, _only(limits.parse_many)] = Field(
        "10 per minute; 50 per hour", description="Failed logins allowed per address."
    )
    log_level: Annotated[str, AfterValidator(str.upper), _only(LOG_LEVELS.__contains__)] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )

    _lists = field_validator("retry_delays", "probe_delays", "allowed_networks", "allowed_hosts", mode="before")(_split)

    @cached_property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.instance / 'webhookui.db'}"

    @cached_property
    def key_file(self) -> Path:
        return self.secret_key_file or self.instance / "secret.key"

    @cached_property
    def address(self) -> str:
        """Where people reach this installation, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")


# ---- mistakes, in words -----------------------------------------------------------------------------------------------

EXPECTED: dict[str, str] = {
    "instance": "a folder",
    "database_url": "empty, sqlite:////folder/file.db or postgresql+psycopg://user:password@host/name",
    "secret_key_file": "a file",
    "base_url": "an address such as https://crm.example.com",
    "secure_cookies": "true or false",
    "retry_delays": "whole numbers of seconds separated by commas, such as 3600,7200,14400",
    "probe_delays": "seconds separated by commas, such as 60,120,300,600",
    "allowed_networks": "networks separated by commas, such as 10.1.0.0/16,192.168.7.20/32",
    "allowed_hosts": "host names separated by commas",
    "ca_file": "a file",
    "time_zone": "a time zone such as Europe/Prague",
    "login_limit": "limits such as 10 per minute; 50 per hour",
    "log_level": f"one of {', '.join(LOG_LEVELS)}",
}
"""Setting → what it may be, where its type and bounds do not say it."""


def expected(name: str) -> str:
    """What a setting may be, in words."""
    if name in EXPECTED:
        return EXPECTED[name]
    field = Settings.model_fields[name]
    bounds = {key: getattr(limit, key) for limit in field.metadata for key in ("ge", "gt", "le") if hasattr(limit, key)}
    kind = "a whole number" if field.annotation is int else "a number"
    if "ge" in bounds and "le" in bounds:
        return f"{kind} from {bounds['ge']:g} to {bounds['le']:g}"
    return f"{kind} above {bounds['gt']:g}" if "gt" in bounds else f"{kind}, {bounds.get('ge', 0):g} or more"


def mistakes(error: ValidationError) -> Iterator[str]:
    """A sentence for each setting that can't be used: its variable, its value, what is allowed. No password is among them."""
    for name in dict.fromkeys(str(detail["loc"][0]) for detail in error.errors()):
        first = next(detail for detail in error.errors() if detail["loc"][0] == name)
        value = os.environ.get(f"{PREFIX}{name.upper()}", str(first["input"]))
        shown = "has a value that is not shown here" if "@" in value else f"is “{value[:200]}”"
        yield f"{PREFIX}{name.upper()} {shown}. It must be {expected(name)}."


def unknown_names(environment: Iterable[str]) -> Iterator[str]:
    """A sentence for each variable with our prefix that is no setting: it would be passed over in silence."""
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in names and not name.startswith(f"{PREFIX}TESTS_"):
            close = get_close_matches(name.upper(), names, 1)
            yield f"{name} is not a setting and is ignored." + (f" Did you mean {close[0]}?" if close else "")
