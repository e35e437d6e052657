"""Training runs that live in folders: described, started, stopped, resumed, judged, drawn."""

from scratchvae.runs.config import Config
from scratchvae.runs.construction import build_phases, load_other
from scratchvae.runs.folder import Run
from scratchvae.runs.judgement import METRICS, Judgement
from scratchvae.runs.spellings import SHORT, spelled_out

__all__ = ["METRICS", "SHORT", "Config", "Judgement", "Run", "build_phases", "load_other", "spelled_out"]
