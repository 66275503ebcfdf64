"""What holds for every tier: no property fails because a machine is slow, and CI tries the same examples each time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("CI", settings.get_profile("any machine"), derandomize=True)
settings.load_profile("CI" if os.environ.get("CI") else "any machine")
