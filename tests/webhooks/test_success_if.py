"""“Success is” beyond a 2xx status (specification section 4.5): a path that exists or equals a text."""

from __future__ import annotations

import pytest

from webhookui.webhooks.capture import success_holds
from webhookui.webhooks.definition import SuccessIf

JSON = b'{"ok": true, "error": null, "count": 3, "rows": [{"state": "a"}, {"state": "b"}]}'
SOAP = b'<e:E xmlns:e="urn:e"><r xmlns="urn:r"><ok>1</ok></r></e:E>'
NAMESPACES = {"r": "urn:r"}


@pytest.mark.parametrize(
    ("condition", "body", "holds"),
    [
        (SuccessIf("JSONPATH", "$.ok"), JSON, True),
        (SuccessIf("JSONPATH", "$.ok", "true"), JSON, True),
        (SuccessIf("JSONPATH", "$.ok", "false"), JSON, False),
        (SuccessIf("JSONPATH", "$.error"), JSON, True),
        (SuccessIf("JSONPATH", "$.error", ""), JSON, True),
        (SuccessIf("JSONPATH", "$.count", "3"), JSON, True),
        (SuccessIf("JSONPATH", "$.rows[*].state", "b"), JSON, True),
        (SuccessIf("JSONPATH", "$.nothing"), JSON, False),
        (SuccessIf("JSONPATH", "$.ok"), b"", False),
        (SuccessIf("JSONPATH", "$.ok"), b"<html>", False),
        (SuccessIf("XPATH", "//r:ok"), SOAP, True),
        (SuccessIf("XPATH", "//r:ok", "1"), SOAP, True),
        (SuccessIf("XPATH", "//r:ok", "0"), SOAP, False),
        (SuccessIf("XPATH", "//ok"), SOAP, False),
        (SuccessIf("XPATH", "//r:ok"), JSON, False),
    ],
)
def test_success_is_where_the_path_says_so(condition: SuccessIf, body: bytes, holds: bool) -> None:
    held, because = success_holds(condition, body, NAMESPACES)
    assert held == holds and bool(because) != holds
