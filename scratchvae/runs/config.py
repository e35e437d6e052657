"""A config describes a run completely, in plain numbers and choices in words; config.json holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from scratchvae import strict_json
from scratchvae.arrays import InputError, require_at_least, require_choice
from scratchvae.choices import fitted, parse, shortened
from scratchvae.data import KINDS, TableSchema
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES
from scratchvae.runs.spellings import DEFAULT
from scratchvae.runs.version_0_1 import translated
from scratchvae.runs.version_0_2 import BY_DTYPE, as_then, is_of_then
from scratchvae.strict_json import dump_finite

LOWEST = {
    "limit": 1,
    "labelled": 1,
    "held_out": 0,
    "epochs": 1,
    "batch_size": 1,
    "patience": 1,
    "seed": 0,
    "held_out_seed": 0,
}
NEWER = ("held_out_seed", "labelled")  # entries that config.json has only where they are set


@dataclass(frozen=True)
class Config:
    """A run from its data to its last step.

    Numbers of steps count batches. None leaves a choice to the recipe, the model or the data.
    """

    data: str = "numerals"  # a name or a path, as data.load takes it
    data_dir: str | None = None
    # The run writes the four entries examples, event_shape, schema and kind down when it starts.
    examples: int | None = None  # the number of examples
    event_shape: Sequence[int] | None = None  # the shape of one example
    columns: str | None = None  # what the columns of a table are said to be, as data.as_table takes it
    schema: Any = None  # what the columns of the table turned out to be
    kind: str | None = None  # pixels, counts or values; None takes what the data's format says
    size: Sequence[int] | None = None  # the height and width of a folder's pictures; None keeps theirs
    resize: str = "crop"  # how pictures are brought to that size: crop or fit
    limit: int | None = None  # the run uses the first so many examples
    held_out: int | None = None  # so many examples, drawn by a seed, are judged on; None holds out a tenth
    held_out_last: bool = False  # the last examples are held out, as a time series needs
    held_out_seed: int | None = None  # the seed of data_seed; None takes the run's seed
    labelled: int | None = (
        None  # so many training examples keep their labels, and others lose them; None: all
    )
    binarized: bool = False  # every batch draws x ~ Bernoulli(pixels) anew
    recipe: str = "mlp"  # one of RECIPES, such as mlp(latent_dim=2, likelihood=gaussian(learned=True))
    objective: str = DEFAULT  # one of OBJECTIVES, or default(…), which is the model's own
    optimizer: str = "adam"  # one of OPTIMIZERS, such as adam(learning_rate=cosine(rate=0.001))
    max_norm: float | None = None
    epochs: int = 20
    batch_size: int = 128
    drop_last: bool = False  # an epoch leaves out its last batch where that is smaller than the others
    patience: int | None = None  # the run ends after so many epochs without a gain on held-out data
    seed: int = 0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        if self.schema is not None:
            entries = TableSchema.from_entries(self.schema, "config").to_entries()
            object.__setattr__(self, "schema", entries)
        for name in (entry.name for entry in fields(self) if entry.name != "schema"):
            object.__setattr__(self, name, fitted("config", name, getattr(self, name), hints[name]))
        if self.kind is not None and self.kind != BY_DTYPE:
            require_choice("config", "kind", self.kind, KINDS)
        for name, low in LOWEST.items():
            if getattr(self, name) is not None:
                require_at_least("config", name, getattr(self, name), low)
        for name, table in (("recipe", RECIPES), ("objective", OBJECTIVES), ("optimizer", OPTIMIZERS)):
            choice = parse(getattr(self, name), name)
            own = name == "objective" and choice.name == DEFAULT  # the model knows which row that is
            if own and choice.positions:
                raise InputError(
                    f"objective {DEFAULT} takes values with their names only, found {shortened(choice)}"
                )
            object.__setattr__(self, name, str(choice if own else table.settle(choice)))

    @property
    def data_seed(self) -> int:
        """The seed that draws the held-out examples, and the examples of a data set that is drawn."""
        return self.seed if self.held_out_seed is None else self.held_out_seed

    def to_json(self) -> str:
        """Write the config as JSON, a line for each entry, without those of NEWER that are not set."""
        entries = {
            name: value for name, value in asdict(self).items() if name not in NEWER or value is not None
        }
        return dump_finite("config", entries, indent=2)

    @classmethod
    def from_entries(cls, entries: Any, where: str) -> "Config":
        """Build a config from what the JSON of `where` holds, in the form of this version or of 0.1.0.

        InputError for anything else.
        """
        if not isinstance(entries, Mapping):
            raise InputError(f"{where} should hold one JSON object, found {type(entries).__name__}")
        try:
            of_then = is_of_then(entries)
            if "settings" in entries:
                entries = translated(entries)
            if of_then:
                entries = as_then(entries)
            for name in entries:
                require_choice("config", "entry", name, cls.__dataclass_fields__)
            config = cls(**entries)
            config.to_json()  # raises InputError for NaN and infinities
            return config
        except InputError as error:
            raise InputError(f"{where}: {str(error).removeprefix('config: ')}") from error


def read_config(path: Path) -> Config:
    """Read the config in a file."""
    if not path.exists():
        raise InputError(f"{path.parent} should be a run's folder, found no {path.name} in it")
    return Config.from_entries(strict_json.read(path), str(path))
