"""Looking names up within a time limit. `getaddrinfo` can't be interrupted, so it runs in threads of its own: a name server
that hangs holds none of those who wait for it longer than they want to wait.
"""

import ipaddress
import re
import socket
import threading
import time
from concurrent.futures import Future
from functools import lru_cache

import requests

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

KEPT_S = 5.0
"""How long an answer is used again. Addresses are judged at each use, so this is about speed alone."""
MOST_AT_ONCE = 200
"""Names that may be looked up at the same time; further ones wait."""
MOST_KEPT = 10_000
_LOCALHOST = re.compile(r"(.+\.)?localhost\.?", re.IGNORECASE)
"""Names that mean this machine, whatever its resolver knows of them (RFC 6761 section 6.3)."""


class NameNotFound(requests.ConnectionError):
    """The host's name can't be looked up."""


class NameSlow(requests.Timeout):
    """Looking the host's name up took longer than there was time."""


LookUp = Future[tuple[tuple[Address, ...], float]]
"""One look-up under way or done, which all who want the name share: its addresses, and when they came."""


class Resolver:
    """The addresses of names. One for a process; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._look_ups: dict[str, LookUp] = {}
        self._places = threading.Semaphore(MOST_AT_ONCE)

    def addresses(self, host: str, within_s: float) -> tuple[Address, ...]:
        """In the order in which they should be tried. Raises NameNotFound, NameSlow."""
        numeric = _numeric(host)
        if numeric:
            return numeric
        if _LOCALHOST.fullmatch(host):
            host = "localhost"
        end = time.monotonic() + within_s
        look_up = self._cached(host) or self._start(host, within_s)
        try:
            if look_up is None:
                raise TimeoutError
            return look_up.result(max(0.0, end - time.monotonic()))[0]
        except TimeoutError:
            raise NameSlow(f"The name {host} could not be looked up in time.") from None
        except Exception as error:
            raise NameNotFound(f"The name {host} was not found.") from error

    def _cached(self, host: str) -> LookUp | None:
        with self._lock:
            look_up = self._look_ups.get(host)
            if look_up is not None and look_up.done() and time.monotonic() - look_up.result()[1] > KEPT_S:
                del self._look_ups[host]
                return None
            return look_up

    def _start(self, host: str, within_s: float) -> LookUp | None:
        """Starts a look-up, or joins one that was started meanwhile; None when too many are under way."""
        if not self._places.acquire(timeout=max(0.0, within_s)):
            return None
        with self._lock:
            look_up = self._look_ups.get(host)
            if look_up is not None:
                self._places.release()
                return look_up
            if len(self._look_ups) >= MOST_KEPT:
                self._look_ups = {name: pending for name, pending in self._look_ups.items() if not pending.done()}
            look_up = self._look_ups[host] = LookUp()
        threading.Thread(target=self._run, args=(host, look_up), name="look-up", daemon=True).start()
        return look_up

    def _run(self, host: str, look_up: LookUp) -> None:
        try:
            look_up.set_result((_look_up(host), time.monotonic()))
        except Exception as error:
            with self._lock:  # a failure is not kept: the next one asks again
                self._look_ups.pop(host, None)
            look_up.set_exception(error)
        finally:
            self._places.release()


@lru_cache(maxsize=4096)
def _numeric(host: str) -> tuple[Address, ...]:
    """The address that the host spells in numbers, in whichever way the system understands; empty for a name."""
    try:
        return _look_up(host.rstrip("."), socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return ()


def _look_up(host: str, flags: int = 0) -> tuple[Address, ...]:
    addresses: dict[Address, None] = {}
    for family, _kind, _protocol, _name, address in socket.getaddrinfo(
        host, None, type=socket.SOCK_STREAM, flags=flags
    ):
        if family in (socket.AF_INET, socket.AF_INET6):
            addresses[ipaddress.ip_address(str(address[0]).partition("%")[0])] = None
    if not addresses:
        raise OSError(f"{host} has no address.")
    return tuple(addresses)
