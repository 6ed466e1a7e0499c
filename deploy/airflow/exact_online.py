"""A DAG for Airflow 3.3 and later: the administrations of one login in parts, spread over the workers.

    prepare -> part 0of16 … part 15of16 -> summary

It is the same for the edge, the Celery and the Kubernetes executor. `exact_parts.py` belongs beside it, and README.md says what
the workers need. Its settings, besides those of `exact_parts.py`, come from the environment:

- `EXACT_SCHEDULE`: a cron expression (`0 6,18 * * *`); `none` for no schedule.
- `EXACT_POOL`: the pool whose slots limit how many parts run at once (`exact_online`).
- `EXACT_RETRIES`: how often a part is tried again (4).
- `EXACT_RETRY_SECONDS`: the time before that, if nothing says more (60).
- `EXACT_TIMEOUT_HOURS`: a part may take so long (6). A lost login waits ten minutes for its next token, so less than a quarter
  of an hour would end parts that are well.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy, dag, get_current_context, task
from exact_parts import Next, Part, PartFailed, run_part
from exact_parts import prepare as prepare_parts

if TYPE_CHECKING:
    from airflow.sdk import Context

POOL = os.environ.get("EXACT_POOL", "exact_online")
SCHEDULE = os.environ.get("EXACT_SCHEDULE", "0 6,18 * * *")
RETRIES = {
    "retries": int(os.environ.get("EXACT_RETRIES", "4")),
    "retry_delay": timedelta(seconds=float(os.environ.get("EXACT_RETRY_SECONDS", "60"))),
}


class AsTheTapSays(RetryPolicy):
    """No retry for what a person has to do, and none before the moment that the tap or Meltano names.

    A worker that is lost says nothing: its part is tried again after `retry_delay`, meets Meltano's lock of five minutes, and
    waits for the moment that Meltano names.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow names them when it calls
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Called by the worker when a task has failed."""
        if not isinstance(exception, PartFailed):
            return RetryDecision.default()
        decision = exception.decision
        if decision.next is Next.FAIL:
            return RetryDecision.fail(decision.why)
        if decision.next is Next.WAIT:
            return RetryDecision.retry(decision.delay(), decision.why)
        return RetryDecision.retry(reason=decision.why)


@dag(
    schedule=None if SCHEDULE == "none" else SCHEDULE,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["exact online"],
    doc_md=__doc__,
)
def exact_online() -> None:
    """Build the DAG."""

    @task(**RETRIES, retry_policy=AsTheTapSays(), execution_timeout=timedelta(minutes=30))
    def prepare() -> list[dict[str, Any]]:
        return [vars(part) for part in prepare_parts()]

    @task(
        **RETRIES,
        retry_policy=AsTheTapSays(),
        execution_timeout=timedelta(hours=float(os.environ.get("EXACT_TIMEOUT_HOURS", "6"))),
        pool=POOL,
        map_index_template="{{ part_name }}",
    )
    def part(chosen: dict[str, Any]) -> dict[str, Any]:
        mine = Part(**chosen)
        context = get_current_context()
        context["part_name"] = mine.name
        try:
            facts = run_part(mine).as_dict()
        except PartFailed as failed:
            context["ti"].xcom_push("facts", failed.facts.as_dict())
            raise
        context["ti"].xcom_push("facts", facts)
        return facts

    # It also runs if parts have failed, and tells which; without its failure the whole run would count as a success.
    @task(trigger_rule="all_done", retries=0)
    def summary(parts: list[dict[str, Any]], done: list[dict[str, Any]]) -> dict[str, int]:
        parts, done = list(parts or ()), list(done or ())
        total = {name: sum(facts[name] for facts in done) for name in ("administrations", "rows", "calls")}
        print(f"{len(done)} of {len(parts)} parts are complete: {total}")
        failed = {Part(**chosen).name for chosen in parts} - {facts["part"] for facts in done}
        if failed or not parts:
            raise RuntimeError(f"not complete: {', '.join(sorted(failed)) or 'nothing was prepared'}")
        return total

    parts = prepare()
    summary(parts, part.expand(chosen=parts))


exact_online()
