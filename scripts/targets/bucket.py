"""A bucket on this machine, served by moto: Parquet files of a target, read with its own pyarrow, and batch files of the tap."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.compare import Row
from scripts.meltano_project import ROOT

ENVIRONMENT = ROOT / ".venvs/target-s3"
BATCHES = ROOT / ".venvs/batches/bin/python"
"""Tap and target with the SDK's storage for S3."""

TAP: tuple[str | Path, ...] = (BATCHES, "-c", "from tap_exactonline.cli import main; main()")
"""The tap of this folder, which must be the working directory, in that environment."""

BUCKET = "exact-online"
_REGION = "us-east-1"
_PATIENCE = 30.0

_BEGIN = """
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
"""
_MAKE = _BEGIN + "s3.create_bucket(Bucket=sys.argv[2])"
_READ = (
    _BEGIN
    + """
import decimal, io, json
import pyarrow.parquet as parquet
files = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[2]):
    for entry in page.get("Contents", ()):
        if entry["Key"].startswith("batches/"):
            continue
        stream = next(part for part in entry["Key"].split("/") if part in sys.argv[3:])
        body = s3.get_object(Bucket=sys.argv[2], Key=entry["Key"])["Body"].read()
        files.setdefault(stream, []).extend(parquet.read_table(io.BytesIO(body)).to_pylist())
print(json.dumps(files, default=lambda it: float(it) if isinstance(it, decimal.Decimal) else str(it)))
"""
)


@contextmanager
def served() -> Iterator[str]:
    """Run moto on a free port of the loopback, with an empty bucket; gives its address.

    Raises:
        RuntimeError: It does not come up.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command: list[str | Path] = [ROOT / ".venvs/moto/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with closing(socket.socket()) as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        else:
            raise RuntimeError("moto_server does not come up")
        address = f"http://127.0.0.1:{port}"
        _python(_MAKE, address, BUCKET)
        yield address
    finally:
        server.kill()
        server.wait()


def settings(address: str) -> dict[str, Any]:
    """The target's configuration: Parquet into the bucket, a file for each batch."""
    return {
        "format": {"format_type": "parquet", "format_parquet": {"get_schema_from_tap": False}},
        "cloud_provider": {
            "cloud_provider_type": "aws",
            "aws": {
                "aws_access_key_id": "x",
                "aws_secret_access_key": "x",
                "aws_region": _REGION,
                "aws_bucket": BUCKET,
                "aws_endpoint_override": address,
            },
        },
        "append_date_to_prefix": False,
        "append_date_to_filename": False,
        "use_raw_stream_name": False,
    }


def batch_config(address: str) -> dict[str, Any]:
    """The setting of this name: gzipped files into the bucket, a few rows in each, so that streams have several."""
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {
            "root": f"s3://{BUCKET}/batches",
            "prefix": "",
            "params": {"endpoint_url": address, "key": "x", "secret": "x"},
        },
        "batch_size": 10,
    }


@dataclass
class ParquetFiles:
    """What lies in the bucket."""

    address: str
    streams: list[str]
    _found: dict[str, list[Row]] | None = None

    def rows(self, stream: str, schema: Mapping[str, Any]) -> list[Row]:
        """All rows of a stream, of all its files."""
        del schema
        if self._found is None:
            self._found = json.loads(_python(_READ, self.address, BUCKET, *self.streams))
        return self._found.get(stream, [])

    def types(self, stream: str) -> dict[str, str]:
        """Files have their own."""
        del stream
        return {}

    def close(self) -> None:
        """Nothing is kept open."""


def _python(program: str, *arguments: str) -> str:
    python: Path = ENVIRONMENT / "bin/python"
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout
