# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations


class ScaleoutError(Exception):
    """The one family of errors: what is wrong, where, and what to do about it."""

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        said = f"{self.where}: {self.what}" if self.where else self.what
        return f"{said}. {self.fix[:1].upper()}{self.fix[1:]}." if self.fix else said

    def data(self) -> dict[str, str]:
        """For fail_json, beside msg=str(error)."""
        return {"what": self.what, "where": self.where, "fix": self.fix}
