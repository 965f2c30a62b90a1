"""Jobs in the background as people see them: progress, cancel, what was rejected (specification section 2)."""

from flask import Blueprint, Response, abort, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.crm.catalog import catalog
from webhookui.crm.rejected_rows import rejected_csv
from webhookui.current_installation import db, installation, read, write
from webhookui.web.access import me
from webhookui.web.htmx import htmx
from webhookui.web.records.record_view import names_in
from webhookui.workflows.redelivery_jobs import REDELIVERY

bp = Blueprint("jobs", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """One's own; an admin sees those of everybody."""
    kinds = _kinds()
    with read() as session:
        names = [kind for kind in kinds if kind != REDELIVERY]
        jobs = background_jobs.newest(session, names, user_id=None if me().is_admin else me().id)
        infos = catalog(session).modules
    return render_template("jobs/index.html", jobs=jobs, kinds=kinds, infos=infos)


@bp.get("/<int:job_id>")
def show(job_id: int) -> ResponseReturnValue:
    """How far it is, and what came of it; the fragment alone for htmx."""
    with read() as session:
        job = _own(session, job_id)
        info = catalog(session).modules.get(job.arguments.get("module", ""))
        values = job.arguments.get("values", {})
        fields = [info.fields[name] for name in values if name in info.fields] if info else []
        names = names_in(session, fields, [values])
    if job.kind == REDELIVERY:
        return redirect(f"/log/redeliveries/{job.id}", 303)
    template = "jobs/_progress.html" if htmx else "jobs/show.html"
    return render_template(template, job=job, kind=_kinds()[job.kind], info=info, fields=fields, names=names)


@bp.post("/<int:job_id>/cancel")
def cancel(job_id: int) -> ResponseReturnValue:
    with write() as session:
        _own(session, job_id)
        background_jobs.cancel(session, _kinds(), job_id, me().name)
    return redirect(f"/jobs/{job_id}", 303)


@bp.get("/<int:job_id>/rejected.csv")
def rejected(job_id: int) -> ResponseReturnValue:
    with read() as session:
        _own(session, job_id)
    headers = {"Content-Disposition": f"attachment; filename=rejected-{job_id}.csv"}
    lines = rejected_csv(db(), _kinds(), job_id)
    return Response(lines, mimetype="text/csv", headers=headers)


def _kinds() -> dict[str, background_jobs.JobKind]:
    return installation().queue.kinds


def _own(session: Session, job_id: int) -> Job:
    """One's own job, or anybody's for an admin. Raises JobNotFound."""
    job = background_jobs.get(session, job_id)
    if job.user_id != me().id and not me().is_admin:
        abort(403)
    return job
