"""Dagster on tap-exactonline: the administrations of one login in parts, as many at a time as `EXACT_AT_ONCE` says (4).

    dagster job execute -f exact_online.py -j exact_online     # once
    dagster dev -f exact_online.py                             # with the schedule and the screens

`exact_parts.py` belongs beside it and says what it needs. A failed run is taken up "from failure": only its failed parts run again.
Dagster decides on retries before it knows the reason, so the step itself asks for one, and for none if a person has to act.
"""

# Without `from __future__ import annotations`: Dagster reads the types themselves.
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

# Dagster loads the file without its directory.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import exact_parts
from exact_parts import Next, Part, PartFailed

RETRIES = int(os.environ.get("EXACT_RETRIES", "4"))
RETRY_SECONDS = float(os.environ.get("EXACT_RETRY_SECONDS", "60"))


def ended(failed: PartFailed) -> Exception:
    """What a step raises: a failure for good, or the wish for another try at the right time."""
    decision = failed.decision
    if decision.next is Next.FAIL:
        return dg.Failure(str(failed), metadata=failed.facts.as_dict(), allow_retries=False)
    wait = decision.delay().total_seconds() if decision.next is Next.WAIT else RETRY_SECONDS
    return dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait)


@dg.op(out=dg.DynamicOut(dict))
def prepare() -> Iterator[Any]:
    """Make the tables before the parts do so at the same time."""
    try:
        parts = exact_parts.prepare()
    except PartFailed as failed:
        raise ended(failed) from failed
    for part in parts:
        yield dg.DynamicOutput(vars(part), mapping_key=part.name.replace("-", "_").replace(".", "_"))


# The policy is for a step that was killed: it meets Meltano's lock of five minutes, and waits for the moment that Meltano names.
@dg.op(retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_SECONDS))
def part(context: dg.OpExecutionContext, chosen: dict[str, Any]) -> dict[str, Any]:
    """Read one part into the target."""
    try:
        facts = exact_parts.run_part(Part(**chosen)).as_dict()
    except PartFailed as failed:
        context.log.warning("%s %s", failed, failed.facts)
        raise ended(failed) from failed
    context.log.info("%s", facts)
    return facts


@dg.op
def summary(context: dg.OpExecutionContext, facts: list[dict[str, Any]]) -> dict[str, int]:
    """Add up what the parts did. It runs if all of them are complete."""
    total = {name: sum(one[name] for one in facts) for name in ("administrations", "rows", "calls")}
    context.log.info("%s parts are complete: %s", len(facts), total)
    return total


@dg.job(
    executor_def=dg.multiprocess_executor.configured(
        {"max_concurrent": int(os.environ.get("EXACT_AT_ONCE", "4"))}
    )
)
def exact_online() -> None:
    """Prepare, all parts, and their sum."""
    summary(prepare().map(part).collect())


schedule = dg.ScheduleDefinition(
    job=exact_online, cron_schedule=os.environ.get("EXACT_SCHEDULE", "0 6,18 * * *")
)
defs = dg.Definitions(jobs=[exact_online], schedules=[schedule])
