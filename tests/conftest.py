"""Hypothesis in CI tries the same examples each time: a run there says something about the change, not about luck."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
