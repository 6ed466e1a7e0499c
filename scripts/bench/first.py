"""Read a pipe to its end and note when its first RECORD came: `first.py FILE` (a drain for launch.py)."""

import os
import sys
import time

found = False
tail = b""
while piece := os.read(0, 1 << 18):
    if not found and b'"RECORD"' in tail + piece:
        found = True
        with open(sys.argv[1], "w") as file:  # noqa: PTH123 - started without site, to be there at once
            file.write(str(time.monotonic()))
    tail = piece[-16:]
