"""Tables at the door: files of cells and DataFrames become numbers and a schema, and numbers become the same
table again.
"""

import contextlib
import csv
import gzip
import io
import json
import sys
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchvae import data
from scratchvae.arrays import InputError
from scratchvae.data import Column, Dataset, TableSchema, as_table, load
from scratchvae.data.declared_columns import declared
from scratchvae.data.table_files import completed, read_cells, write_cells


def put(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(*cells, name="x"):
    """A file of one column beside a real one."""
    return "\n".join([f"{name},other", *(f"{cell},{i}.5" for i, cell in enumerate(cells))]) + "\n"


def without_decimals(columns):
    """The columns as they are but for how many digits their cells had behind the point."""
    return tuple(replace(one, decimals=None) for one in columns)


# ------------------------------------------------------------------------------------------------------------
# kinds of columns

KINDS = {  # the cells of a column: its kind, what its cells are, its levels
    "real": (["1.5", "-2", "3e2", ".5"], Column("x", "real", "real")),
    "whole and negative": (["-1", "0", "4", "7"], Column("x", "real", "whole")),
    "whole without 0": (["31", "40", "22", "55"], Column("x", "real", "whole")),
    "counts": (["0", "3", "1", "0"], Column("x", "count", "whole")),
    "counts with a point": (["0.0", "3.0", "1.0"], Column("x", "count", "real")),
    "0 and 1": (["0", "1", "1", "0"], Column("x", "binary", "whole", ("0", "1"))),
    "1 and 2": (["2", "1", "1.0", "2"], Column("x", "binary", "real", ("1", "2"))),
    "two reals": (["2.5", "1.5", "2.5"], Column("x", "real", "real")),
    "constant": (["7", "7", "7"], Column("x", "real", "whole")),
    "two texts": (["m", "f", "m"], Column("x", "binary", "text", ("f", "m"))),
    "texts": (["b", "c", "a", "a", "é"], Column("x", "categorical", "text", ("a", "b", "c", "é"))),
    "one text": (["a", "a", "a"], Column("x", "categorical", "text", ("a",))),
    "missing among wholes": (["1", "NA", "5", "", "9"], Column("x", "real", "whole")),
    "quotes": (['"a,b"', '"say ""no"""', '"a,b"'], Column("x", "binary", "text", ("a,b", 'say "no"'))),
    "spaces": ([" 1.5 ", "\t2.5", "3.5"], Column("x", "real", "real")),
    "words for nothing, in lower case": (
        ["none", "some", "all"],
        Column("x", "categorical", "text", ("all", "none", "some")),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_a_column(kind, tmp_path):
    cells, expected = KINDS[kind]
    table = load(put(tmp_path, column(*cells)))
    assert without_decimals(table.schema.columns) == (expected, Column("other", "real", "real"))
    assert table.event_shape == (2,)
    np.testing.assert_array_equal(table.images[:, 1], np.arange(len(cells)) + 0.5)


DECLARED = {  # cells, what is declared: the column, and its numbers
    "positive": (["1", "2.5"], "x=positive", Column("x", "positive", "real"), [1, 2.5]),
    "count": (["1", "25"], "x=count", Column("x", "count", "whole"), [1, 25]),
    "codes that are numbers": (
        ["10", "2", "2.0"],
        "x=categorical",
        Column("x", "categorical", "real", ("2", "10")),
        [1, 0, 0],
    ),
    "ordered numbers": (
        ["10", "9", "1"],
        "x=ordered",
        Column("x", "ordered", "whole", ("1", "9", "10")),
        [2, 1, 0],
    ),
    "ordered": (
        ["S", "L", "M"],
        "x = ordered( S, M , L )",
        Column("x", "ordered", "text", ("S", "M", "L")),
        [0, 2, 1],
    ),
    "quoted": (["a,b", "c"], "'x'=ordered(c, 'a,b')", Column("x", "ordered", "text", ("c", "a,b")), [1, 0]),
    "a level that is not there": (
        ["a", "b"],
        "x=categorical(a, b, c)",
        Column("x", "categorical", "text", tuple("abc")),
        [0, 1],
    ),
    "patterns, the later one counts": (["0", "2"], "*=real, x=count", Column("x", "count", "whole"), [0, 2]),
    "bits as reals": (["0", "1"], "x=real", Column("x", "real", "whole"), [0, 1]),
    "many digits": (
        ["9007199254740993", "9007199254740992"],
        "x=categorical",
        Column("x", "categorical", "whole", ("9007199254740992", "9007199254740993")),
        [1, 0],
    ),
    "codes": (
        ["007", "7", "007"],
        "x=categorical",
        Column("x", "categorical", "text", ("007", "7")),
        [0, 1, 0],
    ),
    "identifiers all the same": (
        [f"id{i}" for i in range(12)],
        "x=categorical",
        None,
        np.argsort(np.argsort([f"id{i}" for i in range(12)])),
    ),
}


@pytest.mark.parametrize("kind", DECLARED)
def test_what_is_declared_holds(kind, tmp_path):
    cells, words, expected, numbers = DECLARED[kind]
    path = put(tmp_path, column(*(f'"{cell}"' for cell in cells)))
    table = load(path, columns=words)
    found = without_decimals(table.schema.columns)[0]
    assert found == (expected or found)
    np.testing.assert_array_equal(table.images[:, 0], numbers)
    if "," not in words and "'" not in words:
        name, _, what = words.partition("=")
        assert load(path, columns={name.strip(): what}).schema == table.schema


@pytest.mark.parametrize("name", ["plain", "two words", "a,b", "a=b", "it's", "(x)", 'the "x"'])
def test_the_advice_of_a_message_is_what_the_option_takes(name, tmp_path):
    path = tmp_path / "t.csv"
    write_cells(path, {name: ["NA", ""], "other": ["1.5", "2.5"]})
    with pytest.raises(InputError, match="--columns") as caught:
        load(path)
    option = str(caught.value).partition('--columns "')[2].rpartition('" leaves it out')[0]
    assert load(path, columns=option).schema.names == ("other",)


def test_a_column_is_left_out_and_may_be_there_again(tmp_path):
    table = load(put(tmp_path, column(*(f"id{i}" for i in range(20)))), columns="x=ignored")
    assert table.schema == TableSchema((Column("other", "real", decimals=1),), ("x",))
    assert len(as_table(put(tmp_path, column("new", "and new")), table.schema)) == 2
    assert len(as_table(put(tmp_path, "other\n1\n2\n"), table.schema)) == 2


# ------------------------------------------------------------------------------------------------------------
# files

FILES = {  # ways to write one table
    "commas": "a,b,c\n1.5,x,0\n2.5,NA,3\n-1,y,1\n4,z,2\n",
    "semicolons": "a;b;c\n1.5;x;0\n2.5;NA;3\n-1;y;1\n4;z;2\n",
    "tabs": "a\tb\tc\n1.5\tx\t0\n2.5\tNA\t3\n-1\ty\t1\n4\tz\t2\n",
    "bars": "a|b|c\n1.5|x|0\n2.5|NA|3\n-1|y|1\n4|z|2\n",
    "a mark at the beginning": "\ufeffa,b,c\n1.5,x,0\n2.5,NA,3\n-1,y,1\n4,z,2\n",
    "carriage returns": "a,b,c\r\n1.5,x,0\r\n2.5,NA,3\r\n-1,y,1\r\n4,z,2\r\n",
    "old carriage returns": "a,b,c\r1.5,x,0\r2.5,NA,3\r-1,y,1\r4,z,2\r",
    "quotes": '"a","b","c"\n"1.5","x","0"\n"2.5","NA","3"\n"-1","y","1"\n"4","z","2"\n',
    "empty lines, no last newline": "\na,b,c\n\n1.5,x,0\n2.5,NA,3\n\n-1,y,1\n4,z,2",
    "spaces": " a , b,c\n 1.5, x,0 \n2.5 ,NA, 3\n-1,y,1\n4,z ,2\n",
    "an index": ",a,b,c\n0,1.5,x,0\n1,2.5,NA,3\n2,-1,y,1\n3,4,z,2\n",
    "other words for nothing": "a,b,c\n1.5,x,0\n2.5,None,3\n-1,y,1\n4,z,2\n",
    "nothing for nothing": "a,b,c\n1.5,x,0\n2.5,,3\n-1,y,1\n4,z,2\n",
}
EXPECTED = np.array([[1.5, 0, 0], [2.5, np.nan, 3], [-1, 1, 1], [4, 2, 2]])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("way", FILES)
def test_ways_to_write_a_table(way, packed, tmp_path):
    content = FILES[way].encode()
    path = put(
        tmp_path, gzip.compress(content, mtime=0) if packed else content, "t.csv.gz" if packed else "t.tsv"
    )
    table = load(path)
    assert [c.kind for c in table.schema.columns] == ["real", "categorical", "count"]
    assert table.schema.names == table.entry_names == ("a", "b", "c")
    np.testing.assert_array_equal(table.images, EXPECTED)
    assert table.share_missing == pytest.approx(1 / 12)


MANY = [f"name {i}" for i in range(30)]
REFUSED = {  # a file, what is declared, and words of the one sentence
    "empty": ("", "", "a line of names and one line or more of cells; found 0 lines"),
    "names alone": ("a,b\n", "", "found 1 lines"),
    "no names": (
        "1.5,2\n3,4\n",
        "",
        "the first line should name the columns, found numbers: 1.5, 2; if these are names",
    ),
    "one name twice": ("a,b,a\n1,2,3\n4,5,6\n", "", "found 'a' for columns 1 and 3"),
    "a name that is missing": ("a,,b\n1,2,3\n", "", "found none for column 2"),
    "a longer row": ("a,b\n1,2\n3,4,5\n", "", r"line 3: a row should have 2 cells, .*; found 3"),
    "a shorter row": ("a,b\n1,2\n\n3\n", "", r"line 4: a row should have 2 cells, .*; found 1"),
    "no separator": ("a:b\n1:2\n3,4\n", "", "line 3: .* and a separator such as , between them; found 2"),
    "an open quote": ('a,b\n1,"2\n3,4\n', "", r"line 3: a table's quotes should be closed"),
    "a quote within": ('a,b\n1,"2"x\n3,4\n', "", r"line 2: a table's quotes"),
    "other bytes": (b"a,b\n1,\xe9\n", "", "text in UTF-8, found other bytes at byte 6"),
    "zero bytes": (b"a,b\n1,\0\n", "", "found a zero byte at character 6"),
    "all missing": (
        column("NA", "", "nan"),
        "",
        'has no value in any row; --columns "x=ignored" leaves it out',
    ),
    "dates": (column("2024-01-31", "2024-02-01"), "", "holds dates or times, such as '2024-01-31'"),
    "other dates": (column("31.01.2024", "1.2.2024"), "", "holds dates or times"),
    "times": (column("12:30", "9:05"), "", "holds dates or times"),
    "decimal commas": (
        'x;y\n"3,14";1\n2;3\n',
        "",
        "numbers with commas, such as '3,14' in row 1: write 3.14 with a point",
    ),
    "one odd cell": (
        column("1", "2", "?", "4"),
        "",
        "numbers in all but 1 rows, the first '\\?' in row 3: write NA there",
    ),
    "infinity": (column("1", "2", "inf", "4"), "", "the first 'inf' in row 3"),
    "codes among numbers": (
        column("101", "007", "210", "300"),
        "",
        "all but 1 rows, the first '007' in row 2: .*categorical",
    ),
    "many digits": (
        column("1", "12345678901234567890"),
        "",
        "12345678901234567890 in row 2, .*, as identifiers are",
    ),
    "too large": (column("1", "2", "1e999", "4"), "", "the first '1e999' in row 3"),
    "identifiers": (
        column(*MANY),
        "",
        "30 different texts in 30 rows, .* looks like names or identifiers; .*ignored",
    ),
    "text as real": (
        column("1", "b"),
        "x=real",
        "the real column 'x' should hold finite numbers; found 'b' in row 2",
    ),
    "0 as positive": (
        column("1", "0"),
        "x=positive",
        "should hold finite numbers above 0; found '0' in row 2",
    ),
    "-1 as a count": (column("-1", "0"), "x=count", "should hold counts 0, 1, 2, …; found '-1' in row 1"),
    "½ as a count": (column("0", ".5"), "x=count", "found '.5' in row 2"),
    "three as binary": (column("a", "b", "c"), "x=binary", "a binary column should have one or two levels"),
    "texts without their order": (column("S", "M"), "x=ordered", r'as in --columns "x=ordered\(M, S\)"'),
    "a level too few": (column("S", "M"), "x=ordered(S)", "one of its levels, S; found 'M' in row 2"),
    "a level twice": (column("S", "M"), "x=ordered(S, M, S)", "levels, each once; found 'S', 'M', 'S'"),
    "an unknown kind": (
        column("S", "M"),
        "x=nominal",
        "the kind of 'x' should be one of binary, .*; found 'nominal'",
    ),
    "an unknown column": (
        column("S", "M"),
        "y=real",
        "'y' should be a column of the table, which has x, other",
    ),
    "levels of numbers": (column("1", "2"), "x=real(1, 2)", "a real column has no levels"),
    "another grammar": (column("1", "2"), "x:real", "columns should be like .*; found 'x:real'"),
    "open parentheses": (column("1", "2"), "x=ordered(1, 2", "columns should be like"),
    "all left out": (
        column("1", "2"),
        "*=ignored",
        "should have a column that is not left out, found none of 2",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_is_no_table_is_one_sentence(way, tmp_path):
    content, columns, words = REFUSED[way]
    path = put(tmp_path, content)
    with pytest.raises(InputError, match=words) as caught:
        load(path, columns=columns or None)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_separators_within_quotes_separate_nothing(tmp_path):
    table = load(put(tmp_path, '"a, in m, or so";b\n1.5;2.5\n2;3\n'))
    assert table.schema.names == ("a, in m, or so", "b")
    np.testing.assert_array_equal(table.images, [[1.5, 2.5], [2, 3]])


def test_columns_are_for_tables_alone():
    with pytest.raises(InputError, match="columns are for a table"):
        load("glyphs", columns="x=real")
    with pytest.raises(InputError, match="one split only"):
        load("some.csv", split="test")


# ------------------------------------------------------------------------------------------------------------
# and back

SCHEMA = TableSchema(
    (
        Column("real", "real"),
        Column("whole", "real", "whole"),
        Column("above", "positive"),
        Column("count", "count", "whole"),
        Column("grade", "ordered", "whole", ("1", "2", "10")),
        Column("bool", "binary", "bool", ("False", "True")),
        Column("text", "categorical", "text", ("a", "b", "c")),
    )
)


def test_numbers_become_the_nearest_cells():
    rows = np.array([[1.25, 2.6, -1, -0.4, 1.6, 0.7, 9], [np.nan] * 7, [-1, -2.6, 2, 3.5, -3, 0.2, 1]])
    whole = SCHEMA.to_columns(rows[::2])
    assert {name: cells.tolist() for name, cells in whole.items()} == {
        "real": [1.25, -1],
        "whole": [3, -3],
        "above": [0, 2],
        "count": [0, 4],
        "grade": [10, 1],
        "bool": [True, False],
        "text": ["c", "b"],
    }
    assert [cells.dtype.kind for cells in whole.values()] == list("fifiibO")
    holes = SCHEMA.to_columns(rows)
    for name in ("real", "whole", "above", "count", "grade"):
        assert np.isnan(holes[name][1])
    assert holes["bool"][1] is None
    assert holes["text"][1] is None


def test_a_schema_is_what_json_keeps_of_it():
    schema = TableSchema(SCHEMA.columns, ("id",))
    entries = json.loads(json.dumps(schema.to_entries()))
    assert TableSchema.from_entries(entries, "config") == schema


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda e: e["columns"].clear(), "columns of different names, found none"),
        (lambda e: e["columns"].append(e["columns"][0]), "columns of different names"),
        (lambda e: e["columns"][0].update(kind="odd"), "kind should be one of"),
        (lambda e: e["columns"][0].update(values="odd"), "values should be one of"),
        (lambda e: e["columns"][0].update(levels=["a"]), "a real column should have no levels"),
        (lambda e: e["columns"][4].update(levels=[]), "an? ordered column should have levels"),
        (
            lambda e: e["columns"][4].update(levels=[1]),
            r"config: schema.columns\[4\].levels\[0\] should be a string",
        ),
        (
            lambda e: e["columns"][4].pop("name"),
            r"schema.columns\[4\].name should be a string, found nothing",
        ),
        (lambda e: e.update(more=1), "should have the entries columns, ignored; found 'more'"),
    ],
)
def test_a_damaged_schema_is_one_sentence(damage, words):
    entries = SCHEMA.to_entries()
    damage(entries)
    with pytest.raises(InputError, match=words):
        TableSchema.from_entries(entries, "config")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("whole,above,count,grade,bool,text", "should have the columns real, .*; found no 'real' among"),
        ("real,whole,above,count,grade,bool,text,more", "found 'more' besides"),
    ],
)
def test_another_table_than_that_of_the_schema(header, words, tmp_path):
    with pytest.raises(InputError, match=words):
        as_table(put(tmp_path, f"{header}\n{','.join('1' * len(header.split(',')))}\n"), SCHEMA)


def test_the_columns_of_another_file_may_come_in_any_order(tmp_path):
    table = as_table(
        put(tmp_path, "b,a\n1,x\n2,y\n"),
        TableSchema((Column("a", "binary", "text", ("x", "y")), Column("b", "real"))),
    )
    np.testing.assert_array_equal(table.images, [[0, 1], [1, 2]])


cells_of_text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 9), cells_of_text), min_size=2, max_size=12))
def test_a_file_that_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    numbers, counts, texts = zip(*rows, strict=True)
    write_cells(path, {"n, 1": np.array(numbers), 'c"': list(counts), "t": list(texts)})
    cells = read_cells(path)
    assert [float(cell) for cell in cells["n, 1"]] == list(numbers)
    assert [int(cell) for cell in cells['c"']] == list(counts)
    assert cells["t"] == list(texts)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ab,;"\n\r\t|1.-é= NA'), max_size=40))
def test_any_text_is_a_table_or_one_sentence(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("texts") / "t.csv"
    path.write_bytes(text.encode())
    try:
        table = load(path)
    except InputError as refused:
        said = str(refused)
        assert "\n" not in said
    else:
        again = as_table(path, table.schema)
        np.testing.assert_array_equal(again.images, table.images)
        back = table.schema.to_columns(table.images)
        assert list(back) == [c.name for c in table.schema.columns]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab =,()'\"*count real ordered"), max_size=30))
def test_any_declaration_is_read_or_one_sentence(text):
    with contextlib.suppress(InputError):
        declared(text)


def test_only_what_is_missing_is_filled_in():
    cells = {"id": ["u", "v"], "x": ["1.50", "NA"], "y": ["", "2"]}
    filled = completed(cells, {"x": np.array([9.0, 2.25]), "y": np.array([7, 8])})
    assert filled == {"id": ["u", "v"], "x": ["1.50", 2.25], "y": [7, "2"]}


def test_numbers_are_written_with_the_digits_that_their_dtype_has(tmp_path):
    path = tmp_path / "t.tsv"
    write_cells(
        path,
        {
            "a": np.array([0.1, 13.05], np.float32),
            "b": np.array([0.1, np.nan]),
            "c": np.array(["x", None], object),
        },
    )
    assert list(csv.reader(io.StringIO(path.read_text()), delimiter="\t")) == [
        ["a", "b", "c"],
        ["0.1", "0.1", "x"],
        ["13.05", "", ""],
    ]


# ------------------------------------------------------------------------------------------------------------
# DataFrames


class Frame:
    """What as_table needs of a DataFrame, so that its tests run where there is none."""

    def __init__(self, columns, index=None):
        self.cells = dict(columns)
        self.index = index

    @property
    def columns(self):
        return list(self.cells)

    @property
    def dtypes(self):
        return [self[name].dtype for name in self.cells]

    def __len__(self):
        return len(next(iter(self.cells.values())))

    def __getitem__(self, name):
        cells = self.cells[name]
        values = cells if isinstance(cells, np.ndarray) else np.array(cells, object)
        return SimpleNamespace(dtype=values.dtype, to_numpy=lambda: values)

    def to_numpy(self):
        return np.stack([self[name].to_numpy() for name in self.cells], axis=1)

    def astype(self, dtypes):
        return Frame(
            {name: np.asarray(cells).astype(dtypes[name]) for name, cells in self.cells.items()}, self.index
        )


def test_a_frame_of_any_library():
    frame = Frame(
        {
            "n": np.array([1, 0, 4]),
            "r": np.array([0.5, np.nan, 1]),
            "t": ["a", None, "b"],
            "b": np.array([True, False, True]),
        },
        [5, 6, 7],
    )
    table = as_table(frame)
    assert [(c.kind, c.values) for c in table.schema.columns] == [
        ("count", "whole"),
        ("real", "real"),
        ("binary", "text"),
        ("binary", "bool"),
    ]
    np.testing.assert_array_equal(table.images, [[1, 0.5, 0, 1], [0, np.nan, np.nan, 0], [4, 1, 1, 1]])
    back = table.schema.to_columns([[1.2, 0.5, 1, 0], [3, 2, 0, 1], [3, 2, 0, 1]], like=frame)
    assert isinstance(back, Frame)
    assert back.index == [5, 6, 7]
    assert [kind.kind for kind in back.dtypes] == list("ifOb")
    assert back["t"].to_numpy().tolist() == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1, "x", 2]}, "numbers or texts, found both, the first text 'x' in row 2"),
        ({"a": [True, 2, 3]}, "True and False, numbers or texts; found several"),
        ({"a": [1.5, np.inf]}, "finite numbers, found inf in row 2"),
        ({"a": [1 + 2j, 3]}, "should hold numbers or texts; found a complex in row 1"),
        ({"a": [[1], [2]]}, "should hold numbers or texts; found a list"),
        (
            {"a": np.array(["2020-01-01", "2021-01-01"], "M8[D]")},
            "such as days since a first one; found a datetime64 in row 1; .*ignored",
        ),
        ({"a": np.array(["2020-01-01", "NaT"], "M8[ns]")}, "found a datetime64 in row 1"),
        ({"a": np.array([1, 2], "m8[ns]")}, "found a timedelta64 in row 1"),
        ({"a": [datetime(2024, 1, 2), None]}, "such as days since a first one; found a datetime in row 1"),
        ({"a": []}, "a row and a column at least"),
        ({1: [1, 2], "1": [3, 4]}, "a name of its own, found '1' twice"),
    ],
)
def test_a_frame_that_no_law_is_for_is_one_sentence(columns, words):
    with pytest.raises(InputError, match=words):
        as_table(Frame(columns))


def test_numbers_of_other_types_are_numbers():
    table = as_table(
        Frame(
            {"a": [Decimal("1.5"), np.float32(2.5), 3, np.int8(4)], "b": [np.bool_(True), False, None, True]}
        )
    )
    np.testing.assert_array_equal(table.images, [[1.5, 1], [2.5, 0], [3, np.nan], [4, 1]])
    assert table.schema.columns == (
        Column("a", "real", decimals=1),
        Column("b", "binary", "bool", ("False", "True")),
    )


def test_pandas_and_back():
    pd = pytest.importorskip("pandas")
    size = pd.CategoricalDtype(["S", "M", "L"], ordered=True)
    frame = pd.DataFrame(
        {
            "age": pd.array([31, None, 22, 40], dtype="Int64"),
            "income": [1.5, 2.5, None, 3.5],
            "city": ["Rom", None, "Oslo", "Ur"],
            "size": pd.Categorical(["S", "L", None, "S"], dtype=size),
            "member": [True, False, True, True],
            "visits": [0, 1, 2, 0],
        },
        index=list("wxyz"),
    )
    table = as_table(frame)
    assert [c.kind for c in table.schema.columns] == [
        "real",
        "real",
        "categorical",
        "ordered",
        "binary",
        "count",
    ]
    assert table.schema.columns[3].levels == ("S", "M", "L")
    complete = np.where(np.isnan(table.images), 1, table.images)
    back = table.schema.to_columns(complete, like=frame)
    assert back.dtypes.equals(frame.dtypes)
    assert back.index.equals(frame.index)
    assert back.loc["x", "age"] == 1
    assert back.loc["y", "size"] == "M"
    pd.testing.assert_frame_equal(back.where(frame.notna()), frame, check_dtype=False)
    with pytest.raises(InputError, match="found a datetime64 in row 1"):
        as_table(frame.assign(day=pd.Timestamp("2024-01-01")))
    path_like = as_table(frame.drop(columns="age"), {"visits": "categorical"})
    assert path_like.schema.columns[-1] == Column("visits", "categorical", "whole", ("0", "1", "2"))


def test_polars_and_back():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "n": [1, None, 4, 0],
            "t": ["a", None, "b", "c"],
            "b": [True, False, None, True],
            "r": [0.5, 1.5, None, 2.0],
        }
    )
    table = as_table(frame)
    assert [c.kind for c in table.schema.columns] == ["count", "categorical", "binary", "real"]
    back = table.schema.to_columns(np.nan_to_num(table.images), like=frame)
    assert back.schema == frame.schema


def test_no_library_of_frames_is_imported(tmp_path):
    before = set(sys.modules)
    as_table(put(tmp_path, column("1.5", "2.5")))
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {"pandas", "polars"}


def test_a_dataset_keeps_its_schema_and_checks_it(tmp_path):
    table = load(put(tmp_path, FILES["commas"]))
    assert table.subset([0, 2]).schema is table.schema
    assert table.split(1)[1].schema is table.schema
    with pytest.raises(InputError, match="should have 3 entries, one for each column of the schema"):
        Dataset("d", np.zeros((2, 4)), schema=table.schema)
    with pytest.raises(InputError, match=r"rows should have shape \(N, 3\)"):
        table.schema.to_columns(np.zeros((2, 4)))
    assert data.is_table(tmp_path / "A.TSV")
