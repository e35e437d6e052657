"""Training runs that live in folders: described, started, stopped, resumed, judged, drawn."""

from scratchvae.runs.config import Config
from scratchvae.runs.construction import build_phases
from scratchvae.runs.folder import Run
from scratchvae.runs.judgement import METRICS, Judgement
from scratchvae.runs.spellings import SHORT, spelled_out
from scratchvae.runs.tables import TABLES, load_other, schema_for, write_imputed, write_rows

__all__ = [
    "METRICS",
    "SHORT",
    "TABLES",
    "Config",
    "Judgement",
    "Run",
    "build_phases",
    "load_other",
    "schema_for",
    "spelled_out",
    "write_imputed",
    "write_rows",
]
