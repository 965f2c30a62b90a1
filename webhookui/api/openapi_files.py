"""What the calls for CSV files take, as the OpenAPI document says it."""

from typing import Any

from webhookui.crm.imports.csv_files import ENCODINGS, SEPARATORS
from webhookui.crm.imports.plan import ON_MATCH
from webhookui.crm.imports.values import DATE_ORDERS, DECIMAL_SIGNS

FORM = "multipart/form-data"
IMPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "The CSV file, with a file name."},
        "mapping": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": 'Title of a column → name of a field or `id`: `{"E-mail": "email"}`. Other columns are not imported. '
            "Without it, columns are told by labels and names.",
        },
        "match_on": {
            "type": "string",
            "description": "A field, or `id`, that duplicates are found by; none: all are new.",
        },
        "on_match": {"enum": list(ON_MATCH), "default": "skip"},
        "run_workflows": {"enum": ["true", "false"], "default": "false"},
        "encoding": {"enum": list(ENCODINGS), "description": "Without it, told from the file. So are the following."},
        "separator": {"enum": list(SEPARATORS)},
        "date_order": {"enum": list(DATE_ORDERS)},
        "decimal_sign": {"enum": list(DECIMAL_SIGNS)},
    },
    "required": ["file"],
    "additionalProperties": False,
}
"""The parts of the form."""
EXPORT: dict[str, Any] = {
    "columns": {"type": "string", "description": "Names of fields, separated by commas; without it, all fields."},
    "bom": {"enum": ["true", "false"], "default": "false", "description": "Begin with a byte order mark, for Excel."},
}
