"""Tables of records. Modules and fields are rows; a record's values are one JSON column."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from webhookui.core.database import BYTEWISE, JSON, UtcDateTime, now


class Module(SQLModel, table=True):
    """A kind of record. `name` is the API's word ("contacts"), `label` the interface's ("Contacts")."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    label: str
    singular: str
    icon: str
    """Name of a Bootstrap icon."""
    position: int = 0
    name_fields: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Fields whose texts, joined by a space, are a record's name."""


class ModuleField(SQLModel, table=True):
    """One field of a module, standard or custom."""

    __tablename__ = "module_field"
    __table_args__ = (UniqueConstraint("module", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    module: str = Field(foreign_key="module.name", index=True)
    name: str
    label: str
    type: str
    """A name of `crm.field_types.FIELD_TYPES`."""
    required: bool = False
    custom: bool = False
    in_list: bool = False
    """Shown as a column of the list view by default."""
    position: int = 0
    options: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Choices of a picklist or multi-select picklist."""
    retired_options: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Those that are offered no more and still stand in records."""
    former_options: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Former name of an option → its name now: it still stands for it wherever it is sent or stored."""
    target: str | None = None
    """Module that a reference points to."""
    default: Any = Field(default=None, sa_column=Column(JSON))
    """Stored form of the value that a new record starts with."""
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """A removed field stays as a row: its name means the same in every timeline."""


class Record(SQLModel, table=True):
    """One contact, one deal, … `values` is the truth; the other columns are lifted out of it for lists and searches."""

    __table_args__ = (
        Index("ix_record_module_updated", "module", "updated_at", "id"),
        Index("ix_record_module_created", "module", "created_at", "id"),
        Index("ix_record_module", "module", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    module: str = Field(foreign_key="module.name")
    name: str = ""
    owner_id: int | None = Field(default=None, foreign_key="user.id")
    version: int = 1
    """Moves by one with every save; a save that names an older one is refused."""
    values: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    search_text: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Case-folded text of all fields that a search looks into; `core.text_index.ColumnIndex` finds parts of it."""
    sort_keys: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Field → `FieldType.key` of its value, for those that have one; "" → the name's. The same as the rows of RecordKey."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class RecordKey(SQLModel, table=True):
    """The index of all fields, custom ones too: a row for each field of each record, in the order of its values."""

    __tablename__ = "record_key"
    __table_args__ = {"sqlite_with_rowid": False}

    field_id: int = Field(primary_key=True)
    """`ModuleField.id`; of a record's name, minus `Module.id`."""
    key: str = Field(sa_column=Column(BYTEWISE, primary_key=True))
    """Of `Record.sort_keys`; empty for an empty field."""
    record_id: int = Field(primary_key=True)


class ListView(SQLModel, table=True):
    """A saved view of a module's list. The one without a name holds the columns that its user chose, in `query`."""

    __tablename__ = "list_view"
    __table_args__ = (UniqueConstraint("user_id", "module", "name"), Index("ix_list_view_module", "module"))

    id: int | None = Field(default=None, primary_key=True)
    module: str = Field(foreign_key="module.name")
    user_id: int = Field(foreign_key="user.id")
    name: str
    query: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Of the list's URL."""
    shared: bool = False
    """For everybody."""


class Link(SQLModel, table=True):
    """A reference: `record_id`'s field `field` points to `target_id`."""

    __table_args__ = (Index("ix_link_target", "target_id", "field", "record_id"),)

    record_id: int = Field(foreign_key="record.id", primary_key=True)
    field: str = Field(primary_key=True)
    target_id: int = Field(foreign_key="record.id")


class DeletedRecord(SQLModel, table=True):
    """A record as it was when it was deleted: it can be restored until it is purged. It stands in a table of its own, so that
    no list, search, count or index has to look around it."""

    __tablename__ = "deleted_record"
    __table_args__ = (
        Index("ix_deleted_record_change", "change_id"),
        Index("ix_deleted_record_module", "module", "change_id"),
        Index("ix_deleted_record_user", "user_id", "change_id"),
        Index("ix_deleted_record_at", "deleted_at", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    """The record's."""
    module: str = Field(foreign_key="module.name")
    name: str = ""
    owner_id: int | None = Field(default=None, foreign_key="user.id")
    version: int
    values: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    search_text: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime = Field(sa_type=UtcDateTime)
    deleted_by: str
    """Who it was, in words."""
    user_id: int | None = None
    change_id: int
    """The deletion in the timeline. It is larger for what was deleted later."""


class DeletedLink(SQLModel, table=True):
    """A reference whose target is deleted, or was when its own record was restored: it is set again with its target."""

    __tablename__ = "deleted_link"
    __table_args__ = (Index("ix_deleted_link_record", "record_id"),)

    target_id: int = Field(primary_key=True)
    record_id: int = Field(primary_key=True)
    field: str = Field(primary_key=True)


ASKED_NONE = -1
"""In place of a revision: the save ran no workflows."""


class Change(SQLModel, table=True):
    """One save of one record: the timeline's row and the cause of deliveries."""

    __table_args__ = (Index("ix_change_record", "record_id", "id"), Index("ix_change_module", "module", "id"))

    id: int | None = Field(default=None, primary_key=True)
    record_id: int
    """No foreign key: a change outlives its record."""
    module: str
    record_name: str
    kind: str
    """"create", "update", "delete" or "restore"."""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    source: str
    """"person", "api", "import", "capture" or "system"."""
    user_id: int | None = None
    by: str
    """Who it was, in words."""
    delivery_id: int | None = None
    """The delivery whose capture made this change."""
    version: int
    workflows_revision: int | None = None
    """The revision of the workflows that this save asked; ASKED_NONE for one that asked none; None: it was not noted then."""
    values: dict[str, list[Any]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """field → [stored value before, stored value after], only the fields that changed."""
