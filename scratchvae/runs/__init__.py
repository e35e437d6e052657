"""Training runs that live in folders: described, started, stopped, resumed, drawn."""

from scratchvae.runs.config import OBJECTIVES, SCHEDULES, Config
from scratchvae.runs.folder import Run

__all__ = ["OBJECTIVES", "SCHEDULES", "Config", "Run"]
