"""The secrets that an edit of a webhook leaves unchanged: null in its document (specification section 10)."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from webhookui.webhooks.definition import AUTHORIZATIONS, Errors
from webhookui.webhooks.secret_scope import origin_as_written, secret_scope
from webhookui.webhooks.secret_values import secret_rows
from webhookui.workflows.actions.kind import StoredAction


def with_stored_secrets(row: Mapping[str, Any], stored: StoredAction | None, at: str, errors: Errors) -> dict[str, Any]:
    """The action with the secrets that it leaves unchanged filled in. What must be typed (again) goes to `errors`."""
    complete = {key: value for key, value in row.items() if key != "id"}
    authorization = row.get("authorization")
    if isinstance(authorization, Mapping):
        complete["authorization"] = _authorization_with_secret(row, authorization, stored, at, errors)
    signing = row.get("signing")
    if isinstance(signing, Mapping) and "secret" in signing and signing["secret"] in (None, ""):
        secrets = stored.secrets.get("signing") if stored else None
        if stored is None or not secrets:
            errors[f"{at}.signing.secret"] = "Enter the signing secret, or set “signing” to {} to have one generated."
            complete["signing"] = {}
        elif stored.typed_for.url != origin_as_written(row.get("url")):
            errors[f"{at}.signing.secret"] = (
                "The address has changed: enter the signing secret again, or have a new one generated "
                "(“signing”: {} in a document)."
            )
            complete["signing"] = {}
        else:
            complete["signing"] = {**signing, "secret": secrets[0]}
    _fill_in_rows(complete, row, stored, at, errors)
    return complete


def _fill_in_rows(
    complete: dict[str, Any], row: Mapping[str, Any], stored_action: StoredAction | None, at: str, errors: Errors
) -> None:
    """Secret headers, parameters and names of `row` that leave their values unchanged, into `complete`."""
    stored: Mapping[str, str] = (stored_action.secrets.get("values") or {}) if stored_action else {}
    moved = stored_action is not None and stored_action.typed_for.url != origin_as_written(row.get("url"))
    filled: dict[str, str] = {}
    for place, path, secret_row in secret_rows(row):
        if secret_row.get("value") not in (None, ""):
            continue
        if place not in stored:
            errors[f"{at}.{path}.value"] = "Enter the secret value."
        elif moved:
            errors[f"{at}.{path}.value"] = (
                "The address has changed: enter the value again, so that it is not sent elsewhere unnoticed."
            )
        else:
            filled[path] = stored[place]
    if filled:
        complete |= deepcopy(
            {key: complete[key] for key in ("headers", "parameters", "related", "secrets") if key in complete}
        )
    for path, value in filled.items():
        target: Any = complete
        for key in path.split("."):
            target = target[int(key) if key.isdigit() else key]
        target["value"] = value


def _authorization_with_secret(
    row: Mapping[str, Any],
    authorization: Mapping[str, Any],
    stored_action: StoredAction | None,
    at: str,
    errors: Errors,
) -> dict[str, Any]:
    complete = dict(authorization)
    kind = authorization.get("type")
    key = AUTHORIZATIONS[kind].secret if isinstance(kind, str) and kind in AUTHORIZATIONS else None
    if kind == "basic" and authorization.get("username") is None and _says_no_password(authorization, stored_action):
        complete["password"], key = "", "username"
    if key is None or authorization.get(key) or (kind == "basic" and authorization.get(key) == ""):
        return complete
    place = f"{at}.authorization.{key}"
    words = "user name" if key == "username" else key.replace("_", " ")
    stored = stored_action.secrets.get(key) if stored_action else None
    if stored_action is None or not stored or stored_action.definition.get("authorization", {}).get("type") != kind:
        errors[place] = f"Enter the {words}."
    elif stored_action.typed_for != secret_scope(row):
        errors[place] = f"The address has changed: enter the {words} again, so that it is not sent elsewhere unnoticed."
    else:
        complete[key] = stored
    return complete


def _says_no_password(authorization: Mapping[str, Any], stored: StoredAction | None) -> bool:
    """Whether a Basic authorization is to have no password, so that its user name is the secret (specification section 4.4)."""
    typed = authorization.get("password")
    return typed == "" or (typed is None and stored is not None and stored.secrets.get("password") == "")
