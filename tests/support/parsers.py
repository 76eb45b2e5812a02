# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs for which a file is meant see in it: php, Node.js with the package dotenv, Python's json."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.support.node import installed, node
from tests.support.playbook import TOP

FOLDER = TOP / "tests" / "unit" / "module_utils" / "secrets" / "parsers"


def seen(format_: str, texts: Sequence[str]) -> list[Any]:
    """One process for all of them. None where the program sees nothing of the kind."""
    if format_ == "json":
        return [json.loads(text) for text in texts]
    php = ["php", "-d", "allow_url_include=1", str(FOLDER / "read.php")]
    command = php if format_ == "php" else [str(node()), str(FOLDER / "read.js")]
    files = json.dumps([{"format": format_, "text": text} for text in texts])
    done = subprocess.run(
        command, input=files.encode(), capture_output=True, cwd=installed(FOLDER), timeout=300, check=True
    )
    return list(json.loads(done.stdout))
