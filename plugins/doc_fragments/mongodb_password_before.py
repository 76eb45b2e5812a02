# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_password_before:
    description:
      - The password of O(login_user) until now, where O(login_password) is a new one.
      - M(scaleout.webapp.mongodb_user) sets the new one, where O(login_user) is one of its users. This one is
        tried where the new one is refused, and does not count where that is taken.
    type: str
"""
