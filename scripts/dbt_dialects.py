"""Compile the dbt package for Snowflake and BigQuery without an account, and say in DuckDB's SQL what was compiled.

    .venvs/dialects/bin/python -m scripts.dbt_dialects snowflake FOLDER VARIABLES

dbt's own adapters compile; what they would ask a warehouse is answered here. sqlglot parses each model in its dialect,
which finds what the dialect does not know, and writes it for DuckDB, so that a test can run it. Runs in an environment
of its own, so it imports nothing of the tap.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlglot
import yaml
from dbt.cli.main import dbtRunner
from sqlglot import exp

PACKAGE = Path(__file__).resolve().parent.parent / "dbt"
Kinds = dict[str, dict[str, str]]
LEDGER = "exact_online__general_ledger"
OUTPUTS: Mapping[str, dict[str, Any]] = {
    "snowflake": {
        "type": "snowflake", "account": "none", "user": "nobody", "password": "none", "database": "raw", "warehouse": "none",
        "schema": "analytics", "threads": 1,
    },
    "bigquery": {
        "type": "bigquery", "method": "oauth-secrets", "token": "none", "project": "raw", "dataset": "analytics", "threads": 1,
    },
}  # fmt: skip


def answer(dialect: str, *, built: bool) -> None:
    """Let the adapter ask nobody: no table has columns that the package does not name, and the ledger exists or not.

    Args:
        dialect: `snowflake` or `bigquery`.
        built: Whether the ledger was built before, so that the incremental SQL is compiled.
    """
    adapter = getattr(
        import_module(f"dbt.adapters.{dialect}.impl"),
        {"snowflake": "SnowflakeAdapter", "bigquery": "BigQueryAdapter"}[dialect],
    )
    described = yaml.safe_load((PACKAGE / "models/marts/_marts.yml").read_text(encoding="utf-8"))["models"]
    (ledger,) = (model for model in described if model["name"] == LEDGER)

    def columns(self: Any, relation: Any) -> list[Any]:
        names = (
            [column["name"] for column in ledger["columns"]] if relation.identifier.lower() == LEDGER else []
        )
        return [self.Column(name, "STRING") for name in names]

    def relation(self: Any, database: str, schema: str, identifier: str) -> Any:
        if not built or identifier.lower() != LEDGER:
            return None
        return self.Relation.create(database=database, schema=schema, identifier=identifier, type="table")

    adapter.get_columns_in_relation = columns
    adapter.get_relation = relation


def compiled(dialect: str, folder: Path, variables: str) -> Kinds:
    """`model` and `test` → name → its SQL as the adapter compiles it, in the order in which dbt builds them."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = {"exact_online": {"target": "here", "outputs": {"here": OUTPUTS[dialect]}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    done = dbtRunner().invoke(
        [
            "--no-send-anonymous-usage-stats", "--quiet", "compile", "--no-populate-cache", "--project-dir", str(PACKAGE),
            "--profiles-dir", str(folder), "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--vars", variables,
        ]
    )  # fmt: skip
    if not done.success:
        raise SystemExit(f"dbt compile for {dialect}: {done.exception or done.result}")
    found: Kinds = {"model": {}, "test": {}}
    for one in done.result.results:
        if one.node.resource_type in found:
            found[one.node.resource_type][one.node.name] = one.node.compiled_code
    return found


def in_duckdb(sql: str, dialect: str) -> str:
    """The statement for DuckDB; what the dialect cannot parse raises."""
    (tree,) = sqlglot.parse(sql, read=dialect)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)


def main() -> None:
    dialect, folder, variables = sys.argv[1:]
    home = Path(folder)
    answer(dialect, built=True)
    for kind in compiled(dialect, home / "again", variables).values():
        for sql in kind.values():
            in_duckdb(sql, dialect)
    answer(dialect, built=False)
    kinds = {
        kind: {name: in_duckdb(sql, dialect) for name, sql in found.items()}
        for kind, found in compiled(dialect, home / "first", variables).items()
    }
    (home / "duckdb.json").write_text(json.dumps(kinds), encoding="utf-8")


if __name__ == "__main__":
    main()
