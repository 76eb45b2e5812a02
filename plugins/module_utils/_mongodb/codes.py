# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What the server's error codes mean to whoever changes a set.

from __future__ import annotations

ALREADY_INITIALIZED = 23
MAX_TIME_EXPIRED = 50
INCOMPATIBLE = 103
COMMAND_FAILED = 125

# An election, a change that is not committed yet, or one of somebody else that is under way: all pass.
NOT_DONE = (109, 117, 308, 10058, 10107, 13435, 13436)
# What was under way when the primary lost its office may have been done.
PASSING = (*NOT_DONE, 91, 189, 11600, 11602)

# Seconds between two looks.
PAUSE = 0.5
