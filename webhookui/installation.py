"""What a running installation consists of. `open_installation` is used by the web application and the command line alike."""

from __future__ import annotations

from dataclasses import dataclass

from webhookui.core import private_files
from webhookui.core.database import Database
from webhookui.core.secrets import SecretBox
from webhookui.delivery.tables import Delivery  # noqa: F401 - every table is known before the database is opened
from webhookui.jobs import Queue
from webhookui.settings import Settings


@dataclass(frozen=True)
class Installation:
    """The services that everything else is handed: settings, database, secrets, queue."""

    settings: Settings
    db: Database
    box: SecretBox
    queue: Queue

    def close(self) -> None:
        self.queue.close()
        self.db.close()


def open_installation(settings: Settings | None = None) -> Installation:
    """Opens the data folder: migrates the database, seeds the modules, connects workflows to records."""
    from webhookui.crm import seed
    from webhookui.migrations import migrate
    from webhookui.notifications import failures, loops, paused_endpoints
    from webhookui.workflows.listener import WorkflowListener

    settings = settings or Settings()
    private_files.make_folder(settings.instance)
    db = Database(settings.database)
    private_files.close_folder(settings.instance, settings.key_file, *db.files)
    with db.starting():
        migrate(db, settings.instance / "backups")
        box = SecretBox(settings.key_file)
        with db.write() as session:
            seed.seed(session)
        queue = Queue(settings, db, box)
    db.services.update(
        record_listeners=[WorkflowListener(settings.address, box, settings.loop_limit)],
        failed_listeners=[failures.tell],
        endpoint_listeners=[paused_endpoints.tell],
        hold_listeners=[loops.tell],
        wake=queue.wake,
        wake_at=queue.wake_at,
        wake_mail=queue.wake_mail,
        wake_redeliveries=queue.wake_redeliveries,
    )
    return Installation(settings, db, box, queue)
