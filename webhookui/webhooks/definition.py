"""The one schema of a webhook action (specification sections 4 and 10): its document in the API, in exports and in rows, its
part of the OpenAPI document, and the value that requests are built from.

Each option is one field, with its rule. `webhooks.document` checks what concerns more than one field.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from webhookui.core.exact_json import dumps
from webhookui.webhooks.values import as_text

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
RAW = "RAW"
CONTENT_TYPE_NAMES = ("JSON", "JSONARRAY", "XML", "FORM", RAW)
PARAMETER_TYPES = {"auto": "Auto", "text": "Text", "number": "Number", "boolean": "Boolean", "json": "JSON"}
CAPTURE_TYPES = ("JSONPATH", "XPATH")
LIST_STYLES = {
    "indexed": "a[0]=x&a[1]=y",
    "brackets": "a[]=x&a[]=y",
    "repeated": "a=x&a=y",
    "comma": "a=x,y",
}
"""How the list x, y named a is written in FORM and query strings. One with objects or lists in it is indexed in every style: no
other is read alike everywhere."""
CLIENT_AUTHENTICATIONS = {"basic": "in an Authorization header", "body": "in the body"}
"""How the client id and its secret go to a token URL (RFC 6749 section 2.3.1)."""
MAX_RELATED = 5
MASK = "••••••"
"""Stands for a secret wherever a request is shown."""
DEFAULT_TIMEOUT_S = 10
LONGEST_TIMEOUT_S = 60


@dataclass(frozen=True)
class AuthorizationType:
    """`plain` and `secret`: its keys in the document."""

    label: str
    plain: tuple[str, ...] = ()
    secret: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.plain, self.secret) if self.secret else self.plain


AUTHORIZATIONS: Mapping[str, AuthorizationType] = {
    "none": AuthorizationType("No Authentication"),
    "basic": AuthorizationType("Basic Authentication", ("username",), "password"),
    "bearer": AuthorizationType("Bearer token", (), "token"),
    "api_key": AuthorizationType("API key", ("in", "name"), "value"),
    "oauth2": AuthorizationType(
        "OAuth 2 client credentials",
        ("token_url", "client_id", "client_authentication", "scope", "audience"),
        "client_secret",
    ),
}
"""Type → its keys. `webhooks.authorization` puts each into a request."""

Errors = dict[str, str]
"""Path in a document → what is wrong there, a sentence for people."""


# ---- rules of fields ----------------------------------------------------------------------------------------------------


REFUSED, STORED = {"reading": "the rest of what was refused"}, {"reading": "what is stored"}
"""Contexts of reading, for rules."""


@dataclass(frozen=True, eq=False)
class Rule:
    """What a field takes. `read(value, needed)` returns the value or raises ValueError with a sentence. `needed`: whether a
    required text must be there; see `read_action`. `schema`: what JSON Schema can say of it."""

    read: Callable[[Any, bool], Any]
    schema: Mapping[str, Any] = field(default_factory=dict)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        def read(value: Any, info: ValidationInfo) -> Any:
            try:
                return self.read(value, info.context is None)
            except ValueError:
                if info.context == STORED:
                    return value
                raise

        return BeforeValidator(read).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **self.schema}


def _required(sentence: str) -> Rule:
    def read(value: Any, needed: bool) -> Any:
        text = _stripped(value)
        if text == "" and needed:
            raise ValueError(sentence)
        return text

    return Rule(read, {"minLength": 1})


def _choice(*choices: str) -> Rule:
    def read(value: Any, _needed: bool) -> Any:
        if value not in choices:
            given = value if isinstance(value, str) else dumps(value)
            raise ValueError(f"“{given[:60]}” is not one of: {', '.join(choices)}.")
        return value

    return Rule(read, {"enum": [*choices]})


def _number(least: float, most: float) -> Rule:
    def read(value: Any, _needed: bool) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not least <= value <= most:
            raise ValueError(f"This must be a number from {least:g} to {most:g}.")
        return int(value) if value == int(value) else float(value)

    return Rule(read, {"minimum": least, "maximum": most})


def _stripped(value: Any) -> Any:
    return "" if value is None else value.strip() if isinstance(value, str) else value


def _objects(value: Any, _needed: bool) -> Any:
    if value is not None and not isinstance(value, list | tuple):
        raise ValueError("This must be a list.")
    return value or ()


def _object(sentence: str, when_null: Any = None) -> Rule:
    def read(value: Any, _needed: bool) -> Any:
        if value is None:
            return when_null
        if not isinstance(value, Mapping | _Part):
            raise ValueError(sentence)
        return value

    return Rule(read)


def _namespaces(value: Any, _needed: bool) -> Any:
    value = value or {}
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in (*value, *value.values())):
        raise ValueError("Namespaces must be an object: prefix → URI.")
    return value


def _signing(value: Any, _needed: bool) -> Any:
    if value is None or value is False:
        return None
    if value is not True and not isinstance(value, Mapping):
        raise ValueError("This must be false, {} or an object with a secret.")
    return {} if value is True else value


def _signing_secret(value: Any, _needed: bool) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError("This must be text.")
    return value


_OBJECTS = Rule(_objects)
_OR_NULL = Field(json_schema_extra={"type": ["string", "null"]})
Text = Annotated[str, Rule(lambda value, _needed: "" if value is None else value)]
Word = Annotated[str, Rule(lambda value, _needed: _stripped(value))]
"""A text without blanks around it."""
Secret = Annotated[str | None, Rule(lambda value, _needed: value if isinstance(value, str) else None)]
Flag = Annotated[bool, Field(strict=True)]
SecretFlag = Annotated[
    Flag,
    Field(
        description="The value is stored encrypted, and null in answers; null keeps the stored one of the same name."
    ),
]
RowValue = Annotated[Text, _OR_NULL]
"""Null in documents where it is secret."""


class _Part:
    """A part of the document: it has these keys and no others."""

    __pydantic_config__ = ConfigDict(extra="forbid", validate_default=True, use_attribute_docstrings=True)


# ---- the parts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter(_Part):
    name: Annotated[str, _required("Enter a name for the parameter.")] = ""
    value: RowValue = ""
    type: Annotated[str, _choice(*PARAMETER_TYPES)] = "auto"
    required: Flag = False
    omit_empty: Flag = False
    secret: SecretFlag = False


@dataclass(frozen=True)
class Header(_Part):
    name: Annotated[str, _required("Enter a name for the header.")] = ""
    value: RowValue = ""
    secret: SecretFlag = False


@dataclass(frozen=True)
class NamedSecret(_Part):
    """A secret that placeholders bring into the URL, headers and parameters, as `{{ secret.name }}`."""

    name: Annotated[str, _required("Enter a name for the secret."), Field(json_schema_extra={"pattern": "^[a-z_]"})] = (
        ""
    )
    value: RowValue = ""


@dataclass(frozen=True)
class Related(_Part):
    """A related module with parameter rows of its own, whose placeholders speak of the related record."""

    module: Annotated[str, _required("Choose a related module.")] = ""
    key: Word = ""
    parameters: Annotated[tuple[Parameter, ...], _OBJECTS] = ()


@dataclass(frozen=True)
class Authorization(_Part):
    """One of any type. A document has only the keys of its own type."""

    type: Annotated[str, _choice(*AUTHORIZATIONS)] = "none"
    username: Annotated[Text, _OR_NULL] = ""
    """Null where the password is empty: the user name is then kept as a secret."""
    password: Secret = field(default=None, repr=False)
    token: Secret = field(default=None, repr=False)
    in_: Annotated[str, _choice("header", "query"), Field(alias="in")] = "header"
    name: Word = ""
    value: Secret = field(default=None, repr=False)
    token_url: Text = ""
    client_id: Text = ""
    client_secret: Secret = field(default=None, repr=False)
    client_authentication: Annotated[str, _choice(*CLIENT_AUTHENTICATIONS)] = "basic"
    scope: Text = ""
    audience: Text = ""

    @property
    def secrets(self) -> dict[str, str]:
        """Its key → the secret, where it is known. A user name without a password is the secret itself, as Stripe's are."""
        key = AUTHORIZATIONS[self.type].secret
        secret = getattr(self, key) if key else None
        if key is None or secret is None:
            return {}
        return {"username": self.username, key: ""} if key == "password" and not secret else {key: secret}


@dataclass(frozen=True)
class CaptureRow(_Part):
    """A path and the record's field that its value goes into."""

    path: Annotated[str, _required("Enter the path of the value.")] = ""
    field: Annotated[str, _required("Choose the field for the value.")] = ""
    all: Flag = False
    """All matches, not the first."""


@dataclass(frozen=True)
class Capture(_Part):
    type: Annotated[str, _choice(*CAPTURE_TYPES)] = "JSONPATH"
    on_success: Annotated[tuple[CaptureRow, ...], _OBJECTS] = ()
    on_failure: Annotated[tuple[CaptureRow, ...], _OBJECTS] = ()
    namespaces: Annotated[Mapping[str, str], Rule(_namespaces)] = field(default_factory=dict)
    """Prefix → URI."""


@dataclass(frozen=True)
class SuccessIf(_Part):
    """What must hold besides a 2xx status: the path exists, or equals a text."""

    type: Annotated[str, _choice(*CAPTURE_TYPES)] = "JSONPATH"
    path: Annotated[str, _required("Enter the path.")] = ""
    equals: Annotated[
        str | None, Rule(lambda value, _needed: value if value is None or isinstance(value, str) else as_text(value))
    ] = None


@dataclass(frozen=True)
class Signing(_Part):
    secret: Annotated[str | None, Rule(_signing_secret)] = field(default=None, repr=False)
    """Null in answers, except for one that was just generated. In a request, null keeps the stored one; `{}` generates one."""


@dataclass(frozen=True, eq=False)
class WebhookAction(_Part):
    """The action as its document says it. Times in seconds."""

    type: Annotated[str, _choice("webhook")] = "webhook"
    title: Annotated[str, _required("Enter a title for the action.")] = ""
    description: Text = ""
    url: Annotated[str, _required("Enter the URL to notify.")] = ""
    method: Annotated[str, _choice(*METHODS)] = "POST"
    content_type: Annotated[str, _choice(*CONTENT_TYPE_NAMES)] = "JSON"
    authorization: Annotated[Authorization, _object("This must be an object with a type.", {})] = field(
        default_factory=Authorization
    )
    headers: Annotated[tuple[Header, ...], _OBJECTS] = ()
    parameters: Annotated[tuple[Parameter, ...], _OBJECTS] = ()
    related: Annotated[tuple[Related, ...], _OBJECTS, Field(json_schema_extra={"maxItems": MAX_RELATED})] = ()
    capture: Annotated[Capture | None, _object("This must be an object with a type.")] = None
    timeout_s: Annotated[int | float, _number(1, LONGEST_TIMEOUT_S)] = DEFAULT_TIMEOUT_S
    xml_root: Annotated[str, Rule(lambda value, _needed: value or "root")] = "root"
    signing: Annotated[
        Signing | None,
        Rule(_signing),
        Field(json_schema_extra=lambda schema: schema["anyOf"].append({"type": "boolean"})),
    ] = None
    drop_stale_retries: Flag = False
    success_if: Annotated[SuccessIf | None, _object("This must be an object with type and path.")] = None
    rate_limit_per_s: Annotated[int | float, _number(0.01, 1000)] | None = None
    """Requests a second at the most."""
    follow_redirects: Flag = False
    list_style: Annotated[str, _choice(*LIST_STYLES)] | None = None
    """FORM and query strings: how a list is written. Null: indexed in FORM, one text in a query string."""
    media_type: Annotated[Word, _OR_NULL] = ""
    """RAW: the Content-Type header, with its charset."""
    body: Annotated[Text, _OR_NULL] = ""
    """RAW: the template of the body, sent byte for byte."""
    secrets: Annotated[tuple[NamedSecret, ...], _OBJECTS] = ()
    """For `{{ secret.name }}` in the URL, headers and parameters. Values are write-only."""


@dataclass(frozen=True, eq=False)
class Webhook(WebhookAction):
    """A webhook with its secrets, as far as they are known. The rows of the document hold none."""

    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Place of a secret header, parameter or name (`secret_values.Places`) → what was typed."""
    markers: Mapping[str, str] = field(default_factory=dict)
    """Place → what stands for the secret in a request until it is sent."""


# ---- reading and writing ------------------------------------------------------------------------------------------------

_ACTION = TypeAdapter(WebhookAction)
_PARAMETER = TypeAdapter(Parameter)


def dump(part: WebhookAction | Parameter) -> Any:
    """All that it says, secrets too, as dicts, lists and plain values."""
    adapter: TypeAdapter[Any] = _PARAMETER if isinstance(part, Parameter) else _ACTION
    return adapter.dump_python(part, mode="json", by_alias=True)


def read_action(document: Mapping[str, Any], errors: Errors) -> WebhookAction:
    """The action of a document. What is refused goes to `errors`.

    A person hears of all mistakes at once, so the rest is judged too: what is refused is taken out and read again as its default,
    this time without asking for what is required.
    """
    return _read(document, errors, None, REFUSED)


def read_stored(document: Mapping[str, Any]) -> WebhookAction:
    """The action of a stored document: what was allowed when it was stored stays as it is, whatever the rules are now."""
    return _read(document, {}, STORED, STORED)


def _read(document: Mapping[str, Any], errors: Errors, context: Any, later: Any) -> WebhookAction:
    rest: Any = document
    refused: ValidationError | None = None
    while True:
        try:
            return _ACTION.validate_python(rest, context=later if refused else context)
        except ValidationError as error:
            if refused and refused.errors() == error.errors():
                raise  # taking it out did not help: the default is refused, which is a mistake in this file
            refused = error
        rest = deepcopy(dict(rest))
        for problem in refused.errors():
            steps = problem["loc"]
            path = ".".join(str(step) for step in steps)
            errors.setdefault(path, _sentence(problem, steps[-1]))
            _drop(rest, steps)


def _sentence(problem: Any, key: int | str) -> str:
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return {
        "unexpected_keyword_argument": f"There is no key “{key}” here.",
        "string_type": f"“{key}” must be text.",
        "bool_type": f"“{key}” must be true or false.",
        "dataclass_type": "This must be an object.",
    }.get(problem["type"], problem["msg"])


def _drop(document: Any, steps: tuple[int | str, ...]) -> None:
    """Takes away what stands at a path; a row stays in its place, empty."""
    for step in steps[:-1]:
        document = document[step]
    if isinstance(document, dict):
        document.pop(steps[-1], None)
    else:
        document[steps[-1]] = {}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the document, with its parts below "$defs"."""
    schema: dict[str, Any] = _ACTION.json_schema(ref_template="#/components/schemas/{model}")
    for part in (schema, *schema["$defs"].values()):
        part["required"] = [key for key, of in part["properties"].items() if "minLength" in of]
        for of in part["properties"].values():
            of.pop("title", None)
            if "minLength" in of:
                del of["default"]
    whole = schema["$defs"]["Authorization"]
    schema["$defs"]["Authorization"] = {"oneOf": [_of_type(whole, name) for name in AUTHORIZATIONS]}
    return schema


def _of_type(authorization: dict[str, Any], name: str) -> dict[str, Any]:
    """What an authorization of one type may say."""
    keys = {key: authorization["properties"][key] for key in AUTHORIZATIONS[name].keys}
    kind = {"title": AUTHORIZATIONS[name].label, "required": ["type"]}
    return {**authorization, **kind, "properties": {"type": {"const": name}, **keys}}
