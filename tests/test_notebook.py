"""The notebook of the first ten minutes is stored without outputs, and runs from top to bottom."""

import contextlib
import io
import json
import re
from pathlib import Path

import jsonschema
import matplotlib.figure
import pytest

NOTEBOOK = json.loads((Path(__file__).parent.parent / "demos/first_ten_minutes.ipynb").read_text("utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
WORDS, LINES = (  # of the format 4.5
    {
        "type": "object",
        "required": ["id", "cell_type", "metadata", "source", *more],
        "properties": {
            "id": {"type": "string", "pattern": "^[a-zA-Z0-9-_]{1,64}$"},
            "cell_type": {"const": kind},
            "metadata": {"type": "object"},
            "source": {"type": "array", "items": {"type": "string"}},
            **more,
        },
        "additionalProperties": False,
    }
    for kind, more in (
        ("markdown", {}),
        ("code", {"outputs": {"type": "array", "maxItems": 0}, "execution_count": {"type": "null"}}),
    )
)


def test_it_is_a_notebook_without_outputs():
    jsonschema.validate(NOTEBOOK["cells"], {"type": "array", "items": {"oneOf": [WORDS, LINES]}})
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(ids) == len(set(ids))
    assert all(not line.endswith("\n") for cell in NOTEBOOK["cells"] for line in cell["source"][-1:])


@pytest.mark.slow
def test_it_runs_from_top_to_bottom_and_its_numbers_are_what_it_says():
    names, out, figures = {}, io.StringIO(), 0
    with contextlib.redirect_stdout(out):
        for code in CODE:
            *_, last = code.splitlines()
            exec(compile(code, "notebook", "exec"), names)
            if last.startswith("plots."):
                figures += isinstance(eval(last, names), matplotlib.figure.Figure)
    text = out.getvalue()
    assert figures == sum(code.splitlines()[-1].startswith("plots.") for code in CODE) == 4
    stated = re.findall(r"(-?[\d.]+) +\(expected: (-?[\d.]+)\)", text)
    assert len(stated) == 3
    assert all(float(found) == pytest.approx(float(expected), abs=1e-6) for found, expected in stated)
    first, last = map(float, re.search(r"digits: (-?[\d.]+) nats .* (-?[\d.]+) after", text).groups())
    assert last > first + 10  # measured: 32 nats
    one, ten, hundred = map(float, re.findall(r"draws: (-?[\d.]+) nats", text))
    assert one < ten < hundred  # measured: 1 nat and a quarter of a nat apart
    assert "sampling_log_var_read_as_log_std" in text
    assert "DIFFERS" not in text
