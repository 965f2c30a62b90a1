"""The last look before something secret goes out: does this very request lead where the secret was typed for?
(specification section 4.4)

What a webhook says about itself is not asked. It may have been changed since the delivery was made.
"""

from requests.exceptions import InvalidURL

from webhookui.core.urls import origin_of
from webhookui.outgoing.target import same_origin, target_of
from webhookui.webhooks.secret_scope import SecretElsewhere, host_pattern


def check_goes_to(typed_for: str, url: str) -> None:
    """`typed_for`: as `origin_as_written` writes it; `url`: of the request that goes out.

    Raises SecretElsewhere; InvalidURL when the request leads nowhere.
    """
    target = target_of(url)
    if not goes_to(typed_for, url):
        words = (
            f"They were entered for {_shown(typed_for)}" if typed_for else "It is not known what they were entered for"
        )
        raise SecretElsewhere(
            f"This request goes to {origin_of(target.url)}, which the webhook's secrets were not entered for; nothing was sent. "
            f"{words}. Redeliver it: it then goes to the webhook's address as it is now."
        )


def goes_to(typed_for: str, url: str) -> bool:
    """Whether a request to `url` goes to the scheme, host and port that a secret was typed for. Raises InvalidURL."""
    target = target_of(url)
    if "{" in typed_for:
        pattern = host_pattern(typed_for)
        return pattern is not None and (
            (pattern[0], pattern[2]) == (target.scheme, target.port) and target.host.endswith(pattern[1])
        )
    try:
        allowed = target_of(typed_for)
    except InvalidURL:
        return False
    return same_origin(allowed, target)


def _shown(typed_for: str) -> str:
    return typed_for if "{" in typed_for else origin_of(target_of(typed_for).url)
