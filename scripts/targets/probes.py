"""Targets whose warehouse is not at hand: which types they would choose, asked from their own code."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.meltano_project import ROOT
from scripts.targets.source import Source
from tap_exactonline.sync.records.schema import column_types

_SNOWFLAKE = """
from target_snowflake.connector import SnowflakeConnector
connector = SnowflakeConnector({"account": "a", "user": "u", "database": "d"})
def type_of(schema):
    return str(connector.to_sql_type(schema))
"""
_FAKESNOW = """
import fakesnow, json, sys
from target_snowflake.connector import SnowflakeConnector
chooser = SnowflakeConnector({"account": "a", "user": "u", "database": "d"})
with fakesnow.patch():
    import snowflake.connector
    cursor = snowflake.connector.connect(user="u", password="p", account="a", database="d", schema="s").cursor()
    for name, (columns, key) in json.load(sys.stdin).items():
        types = ", ".join(f'"{column.upper()}" {chooser.to_sql_type(schema)}' for column, schema in columns.items())
        primary = ", ".join(f'"{column.upper()}"' for column in key)
        cursor.execute(f'create table "{name.upper()}" ({types}, primary key ({primary}))')
    cursor.execute("select count(*) from information_schema.tables where table_schema = 'S'")
    print(cursor.fetchone()[0])
"""
_BIGQUERY = """
from target_bigquery.core import SchemaTranslator
def type_of(schema):
    return SchemaTranslator({"properties": {"c": schema}}, {}).translated_schema[0].field_type
"""
_MSSQL = """
from sqlalchemy.dialects import mssql
from target_mssql.connector import mssqlConnector
connector = mssqlConnector({"sqlalchemy_url": "mssql+pymssql://u:p@127.0.0.1/d"})
def type_of(schema):
    return connector.to_sql_type(schema).compile(dialect=mssql.dialect())
"""
_REDSHIFT = """
from target_redshift.db_sync import column_type as type_of
"""
_ASK = """
import json, sys
print(json.dumps({name: type_of(schema) for name, schema in json.load(sys.stdin).items()}))
"""

HINTS = {
    "multipleOf": {"type": ["number", "null"], "multipleOf": 0.01},
    "multipleOf with bounds": {
        "type": ["number", "null"],
        "multipleOf": 0.0001,
        "minimum": -1e15,
        "maximum": 1e15,
    },
    "format singer.decimal": {"type": ["number", "null"], "format": "singer.decimal"},
    "format x-singer.decimal": {"type": ["number", "null"], "format": "x-singer.decimal"},
    "x-sql-datatype": {"type": ["number", "null"], "x-sql-datatype": "decimal"},
    "precision and scale": {"type": ["number", "null"], "precision": 28, "scale": 6},
}
"""What a schema might say of an amount so that a target chooses a decimal. None of these does: docs/targets.md."""


@dataclass(frozen=True)
class Probe:
    """A target of which only the choice of types is asked."""

    label: str
    environment: str
    package: str
    program: str

    @property
    def python(self) -> Path:
        """The Python of its environment."""
        return ROOT / ".venvs" / self.environment / "bin/python"

    def run(self) -> tuple[str, dict[str, str]]:
        """Its version, and kind → the type that it chooses; the hints of :data:`HINTS` are among the kinds.

        Raises:
            subprocess.CalledProcessError: It does not run.
        """
        asked = {
            "uuid": column_types()["guid"],
            "date-time": column_types()["datetime"],
            "number": column_types()["double"],
        }
        asked |= {name: column_types()[name] for name in ("string", "int16", "int32", "int64", "boolean")}
        done = subprocess.run(
            [self.python, "-c", self.program + _ASK],
            input=json.dumps(asked | HINTS),
            check=True,
            capture_output=True,
            text=True,
        )
        version = f"from importlib.metadata import version; print(version({self.package!r}))"
        number = subprocess.run([self.python, "-c", version], check=True, capture_output=True, text=True)
        return number.stdout.strip(), json.loads(done.stdout.splitlines()[-1])


def snowflake_tables(given: Source) -> int:
    """How many of the streams' tables a stand-in for Snowflake creates with the types that the target chooses.

    Raises:
        subprocess.CalledProcessError: One of them can't be created.
    """
    asked = {name: (columns, given.keys[name]) for name, columns in given.schemas.items()}
    done = subprocess.run(
        [PROBES[0].python, "-W", "ignore", "-c", _FAKESNOW],
        input=json.dumps(asked),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1])


PROBES = (
    Probe("Snowflake, meltanolabs", "target-snowflake", "meltanolabs-target-snowflake", _SNOWFLAKE),
    Probe("BigQuery, z3z1ma", "target-bigquery", "z3-target-bigquery", _BIGQUERY),
    Probe("SQL Server, storebrand", "target-mssql", "target-mssql", _MSSQL),
    Probe("Redshift, pipelinewise", "target-redshift", "pipelinewise-target-redshift", _REDSHIFT),
)
