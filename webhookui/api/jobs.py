"""Jobs in the background: how far they are, cancel, and the rows that were rejected."""

from typing import Any

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.api.auth import check_admin, me
from webhookui.api.blueprint import bp
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.crm.field_types import iso_time
from webhookui.crm.rejected_rows import rejected_csv
from webhookui.current_installation import db, installation, read, write


@bp.get("/jobs/<int:job_id>")
def get_job(job_id: int) -> ResponseReturnValue:
    with read() as session:
        return jsonify(job_document(_own(session, job_id)))


@bp.post("/jobs/<int:job_id>/cancel")
def cancel_job(job_id: int) -> ResponseReturnValue:
    with write() as session:
        _own(session, job_id)
        return jsonify(job_document(background_jobs.cancel(session, installation().queue.kinds, job_id, me().name)))


@bp.get("/jobs/<int:job_id>/rejected.csv")
def get_rejected_rows(job_id: int) -> ResponseReturnValue:
    with read() as session:
        _own(session, job_id)
    lines = rejected_csv(db(), installation().queue.kinds, job_id)
    return Response(lines, mimetype="text/csv")


def _own(session: Session, job_id: int) -> Job:
    """The token's user's own job, or anybody's for an admin. Raises JobNotFound, ApiError 403."""
    job = background_jobs.get(session, job_id)
    if job.user_id != me().id:
        check_admin()
    return job


SHOWN = ("id", "kind", "state", "done", "total", "created", "updated", "skipped", "rejected", "error")


def job_document(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in SHOWN} | {
        "created_at": iso_time(job.created_at),
        "finished_at": iso_time(job.finished_at) if job.finished_at else None,
    }


def accepted(job: Job) -> ResponseReturnValue:
    """The answer to a call that has started a job."""
    answer = jsonify(job_document(job))
    answer.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return answer, 202
