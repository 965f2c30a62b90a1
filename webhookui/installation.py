"""What a running installation consists of. `open_installation` is used by the web application and the command line alike."""

from dataclasses import dataclass

from webhookui.core import private_files
from webhookui.core.background_jobs import job_waiting
from webhookui.core.database import Database
from webhookui.core.secrets import SecretBox
from webhookui.crm import seed
from webhookui.crm.history import record_saved
from webhookui.delivery.events import deliveries_due, deliveries_failed, deliveries_waiting, endpoint_changed
from webhookui.delivery.tables import Delivery  # noqa: F401 - every table is known before the database is opened
from webhookui.inspector.tables import InspectedRequest  # noqa: F401
from webhookui.jobs import JOBS, MAIL, Queue
from webhookui.migrations import migrate
from webhookui.notifications import alerts
from webhookui.notifications.outgoing_mail import mail_waiting
from webhookui.settings import Settings
from webhookui.workflows.listener import WorkflowListener
from webhookui.workflows.loop_guard import workflow_held


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
    """Opens the data folder: migrates the database, seeds the modules, connects who listens to what happens."""
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
    record_saved.connect(db, WorkflowListener(settings.address, box, settings.loop_limit))
    deliveries_failed.connect(db, alerts.deliveries_failed)
    endpoint_changed.connect(db, alerts.endpoint_changed)
    workflow_held.connect(db, alerts.workflow_held)
    deliveries_waiting.connect(db, lambda _session, key: queue.wake(key))
    deliveries_due.connect(db, lambda _session, key, at: queue.wake_at(key, at))
    mail_waiting.connect(db, lambda _session: queue.wake(MAIL))
    job_waiting.connect(db, lambda _session: queue.wake(JOBS))
    return Installation(settings, db, box, queue)
