"""Why no secure connection came about, and what to do about it: by what OpenSSL says (specification section 7)."""

from __future__ import annotations

import ssl

_NO_SWITCH = "verification can't be switched off."
_OTHER_CERTIFICATE = f"The service must present a valid certificate for this name; {_NO_SWITCH}"
_CERTIFICATES: dict[int, str] = {
    9: f"It is not valid yet: this machine's clock may be wrong, or the third party's; {_NO_SWITCH}",
    10: f"The third party has to renew it, unless this machine's clock is wrong; {_NO_SWITCH}",
    18: "The service has signed it itself. Trust it through WEBHOOKUI_CA_FILE if it is your own; otherwise the third party needs "
    f"one of a public authority; {_NO_SWITCH}",
    19: f"Its authority is not one of the public ones. Trust it through WEBHOOKUI_CA_FILE if it is your own; {_NO_SWITCH}",
    20: "The service may leave out the intermediate certificates, which browsers find by themselves: it has to send the whole "
    f"chain. If its authority is your own, trust it through WEBHOOKUI_CA_FILE; {_NO_SWITCH}",
    23: f"Its authority has revoked it: the third party needs a new one; {_NO_SWITCH}",
    62: f"It was issued for another name: check the host in URL to Notify; {_NO_SWITCH}",
    64: f"It was issued for another name: use the name that it is for in URL to Notify; {_NO_SWITCH}",
}
"""OpenSSL's codes of verification → what to do."""
_CERTIFICATES[21] = _CERTIFICATES[20]

_REASONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"),
        "",
        "Something other than TLS answers there: check whether the address should be http:// or another port.",
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "ALERT_INSUFFICIENT_SECURITY"),
        "it offers no TLS version from 1.2 on",
        "The service has to offer TLS 1.2 or 1.3; older ones are not safe. Ask whoever runs it.",
    ),
    (
        ("CERTIFICATE_REQUIRED",),
        "it requires a client certificate",
        "A client certificate can't be presented from here: ask the third party for another address or authorization.",
    ),
    (
        ("ALERT_HANDSHAKE_FAILURE",),
        "",
        "It requires a client certificate, which can't be presented from here, or offers no cipher that is still safe. "
        "Ask whoever runs it.",
    ),
    (
        ("UNRECOGNIZED_NAME",),
        "it does not know this name",
        "Check the host in URL to Notify: the service answers under other names only.",
    ),
    (
        ("LEGACY_RENEGOTIATION", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "NO_SHARED_CIPHER"),
        "",
        "Its encryption is too old to be safe: the third party has to renew it.",
    ),
    (
        ("UNEXPECTED_EOF", "CONNECTION_RESET"),
        "it was closed while it was being made",
        "A firewall or proxy on the way may not let it through, or the service is overloaded.",
    ),
)
"""Parts of OpenSSL's reasons → (what to say in its place, what to do)."""
OTHER_REASON = "Ask whoever runs the service; its own log may say more."


def certificate_advice(error: ssl.SSLCertVerificationError) -> str:
    return _CERTIFICATES.get(error.verify_code, _OTHER_CERTIFICATE)


def tls_words(error: ssl.SSLError) -> tuple[str, str]:
    """(why, a part of a sentence; what to do)."""
    reason = error.reason or str(error)
    for parts, words, advice in _REASONS:
        if any(part in reason.upper().replace(" ", "_") for part in parts):
            return words or _plain(reason), advice
    return _plain(reason), OTHER_REASON


def _plain(reason: str) -> str:
    return reason.replace("_", " ").lower()
