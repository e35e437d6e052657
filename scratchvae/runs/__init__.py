"""Training runs that live in folders: described, started, stopped, resumed, judged and drawn."""

from scratchvae.runs.config import OBJECTIVES, SCHEDULES, Config, load_data
from scratchvae.runs.folder import Run

__all__ = ["OBJECTIVES", "SCHEDULES", "Config", "Run", "load_data"]
