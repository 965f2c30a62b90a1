"""Signatures per the Standard Webhooks specification, by its package (specification section 4.5)."""

import base64
import binascii
import secrets as random
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook as Signer


def new_secret() -> str:
    """A secret of 32 random bytes, as `whsec_` and base64."""
    return "whsec_" + base64.b64encode(random.token_bytes(32)).decode()


def secret_problem(secret: str) -> str:
    """What is wrong with a secret; empty when it can sign."""
    if not secret.startswith("whsec_"):
        return "A signing secret starts with whsec_."
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return "After whsec_, a signing secret is base64."
    return "" if 24 <= len(key) <= 64 else f"A signing secret has 24 to 64 bytes; this one has {len(key)}."


def signature_headers(
    body: bytes | None, webhook_id: str, at: datetime, secrets: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """webhook-id, webhook-timestamp and webhook-signature, with one signature for each secret."""
    text = (body or b"").decode("utf-8")
    signatures = " ".join(Signer(secret).sign(webhook_id, at, text) for secret in secrets)
    return (
        ("webhook-id", webhook_id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", signatures),
    )
