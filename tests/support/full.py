# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `./test --full` does more than the gate."""

from __future__ import annotations

import os

import pytest

FULL = os.environ.get("SCALEOUT_FULL") == "1"
# The gate has 40 minutes: what is marked so is run, and never skipped, by `./test --full`.
LONG = pytest.mark.skipif(not FULL, reason="part of the full run only")
# Of a property test.
EXAMPLES = 10_000 if FULL else 300
