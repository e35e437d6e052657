"""What is easily lost on the way in and back: marks in numbers, gaps, levels called NA, digits, masks, the
order of columns.
"""

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Column, Dataset, TableSchema, as_table, load, read_arrays, read_pictures
from scratchvae.models import VAE, FactorAnalysis


def csv(folder, text):
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


QUANTITIES = {  # cells of a column that stand for numbers or times: the words that say so
    '"1,500" "2,500"': "numbers with commas",
    '"1,500,000" "2,500,000"': "numbers with commas",
    '"1,50,000" "2,50,000"': "numbers with commas",
    "1'500 2'500": "numbers that are written with marks",
    "1_500 2_500": "numbers that are written with marks",
    '"1.500,25" "2.500,25"': "numbers that are written with marks",
    "1.500.000 2.500.000": "numbers that are written with marks",
    "$1 $2": "numbers that are written with marks",
    "-$1.50 $2": "numbers that are written with marks",
    "(5) (6)": "numbers that are written with marks",
    "5€ 6€": "numbers that are written with marks",
    "5EUR 6EUR": "numbers that are written with marks",
    "10% 20%": "numbers that are written with marks",
    "10% 20% 30% unknown": "numbers that are written with marks",
    "1d5 2D5": "numbers that are written with marks",
    "−5 −6": "numbers that are written with marks",
    "-inf -inf": "or are none",
    "inf Infinity": "or are none",
    "1e999 2e999": "or are none",
    "2020-01-01 2020-01-02": "dates or times",
    "2020-01-01 2020-01-02 2020-01-03 unknown": "dates or times",
    "2020-01 2020-02": "dates or times",
    "1/2/2020 3/4/2020": "dates or times",
    "1-Jan-2020 2-Feb-2020": "dates or times",
    '"Jan 5, 2020" "May 6, 2021"': "dates or times",
    "Jan-2020 Feb-2020": "dates or times",
    "20200101T1200 20200102T1300": "dates or times",
    "10:30 11:45": "dates or times",
    "3:30pm 4:30pm": "dates or times",
}
CATEGORIES = (
    "red blue",
    "007 008",
    "1.2.3 1.10.2",
    "10-20 20-30",
    "A1 B2",
    "May June",
    "3D 2D",
    "Q1 Q2",
    "10% red blue green",
    "+ -",
)


@pytest.mark.parametrize("cells", QUANTITIES)
def test_texts_that_stand_for_quantities_are_no_categories(cells, tmp_path):
    rows = [cell for cell in cells.split(" ") if cell]
    if '"' in cells:
        rows = [f'"{part}"' for part in cells.split('"') if part.strip()]
    path = csv(tmp_path, "a,b\n" + "".join(f"{row},{i}.5\n" for i, row in enumerate(rows * 2)))
    with pytest.raises(InputError, match=QUANTITIES[cells]) as refusal:
        as_table(path)
    assert "in row 1" in str(refusal.value)
    as_table(path, "a=categorical")  # the advice is true
    assert as_table(path, "a=ignored").schema.names == ("b",)


@pytest.mark.parametrize("cells", [*CATEGORIES, "1 500~2 500"])
def test_other_texts_are_categories(cells, tmp_path):
    rows = cells.split("~") if "~" in cells else cells.split(" ")
    path = csv(tmp_path, "a,b\n" + "".join(f"{row},{i}.5\n" for i, row in enumerate(rows * 2)))
    if "~" in cells:
        with pytest.raises(InputError, match="marks, or are none, such as '1 500' in row 1"):
            as_table(path)
        return
    assert as_table(path).schema.columns[0].levels == tuple(sorted(rows))


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a\n1\n\n3\n2.5\n", [1, np.nan, 3, 2.5]),
        ('a\n1\n""\n3\n2.5\n', [1, np.nan, 3, 2.5]),
        ('a\n1\n3\n2.5\n""\n', [1, 3, 2.5, np.nan]),
        ("\n\na\n1\n   \n\n3\n2.5\n\n\n", [1, np.nan, np.nan, 3, 2.5]),
    ],
)
def test_a_gap_in_a_table_of_one_column_keeps_its_row(text, cells, tmp_path):
    np.testing.assert_array_equal(
        as_table(csv(tmp_path, text)).batch(slice(None), np.float64).x_or_nan[:, 0], cells
    )


def test_empty_lines_of_other_tables_count_for_nothing(tmp_path):
    assert len(as_table(csv(tmp_path, "a,b\n\n1,2.5\n\n3,4.5\n"))) == 2


@pytest.mark.parametrize("name", ["NA", "None", "null", "''"])
def test_a_declared_level_is_no_missing_entry(name, tmp_path):
    cell = name.strip("'")
    path = csv(tmp_path, f'a,b\nS,1\n"{cell}",2\nM,3\nn/a,4.5\n')
    for kind, levels in (("ordered", ("S", "M", cell)), ("categorical", ("S", "M", cell))):
        table = as_table(path, f"a={kind}(S, M, {name})")
        np.testing.assert_array_equal(table.batch(slice(None), np.float64).x_or_nan[:, 0], [0, 2, 1, np.nan])
        assert table.schema.columns[0].levels == levels
        assert list(table.schema.to_columns(table.images)["a"]) == ["S", cell, "M", None]
    bare = as_table(path, "a=categorical")  # nobody has said so: it is missing
    assert np.isnan(bare.batch(slice(None), np.float64).x_or_nan[1, 0])


LOST = "9007199254740993"


@pytest.mark.parametrize("written", [LOST, LOST + ".0", "9007199254740993e0", "123456789012345678901"])
@pytest.mark.parametrize("columns", [None, "a=real", "a=count", "a=positive"])
def test_whole_numbers_of_too_many_digits_do_not_become_their_neighbours(written, columns, tmp_path):
    path = csv(tmp_path, f"a,b\n{written},1\n9007199254740992,2.5\n5,3\n")
    with pytest.raises(
        InputError, match=r"more digits than float64 has.*row 1|row 1.*more digits than float64 has"
    ):
        as_table(path, columns)
    levels = as_table(path, "a=categorical").schema.columns[0].levels
    assert len(levels) == 3


def test_large_numbers_that_float64_writes_alike_are_taken(tmp_path):
    path = csv(tmp_path, "a,b\n1e30,1\n9007199254740992,2.5\n-12345678901234567e3,3\n")
    np.testing.assert_array_equal(as_table(path).images[:, 0], [1e30, 2.0**53, -12345678901234567e3])


def test_an_item_of_a_mapping_declares_one_column(tmp_path):
    path = csv(tmp_path, "a,b\n1,2\n2,3.5\n3,4\n")
    with pytest.raises(InputError, match="'a' should have one kind"):
        as_table(path, {"a": "real, b=count"})
    assert [column.kind for column in as_table(path, {"a": "count", "b": "real"}).schema.columns] == [
        "count",
        "real",
    ]


def test_a_cell_may_be_long_and_marks_of_byte_order_come_twice(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfa,b\n" + b"x" * 200_000 + b",1\ny,2.5\n")
    assert as_table(path).schema.names == ("a", "b")
    path.write_bytes(b'a,b\n"' + b"x" * 200_000 + b",1\ny,2.5\n")
    with pytest.raises(InputError, match="each quote in a table should be closed"):
        as_table(path)


def test_a_shuffled_index_is_left_out(tmp_path):
    assert as_table(csv(tmp_path, ",a,b\n2,1,1.5\n0,2,3\n1,4,5\n")).schema.names == ("a", "b")
    with pytest.raises(InputError, match="none for column 1"):
        as_table(csv(tmp_path, ",a,b\n2,1,1.5\n0,2,3\n7,4,5\n"))


SCHEMA = TableSchema(
    (
        Column("n", "count", "whole"),
        Column("f", "binary", "bool", ("False", "True")),
        Column("r", "real", "real"),
    )
)


def test_a_dataframe_of_the_way_back_holds_what_was_drawn():
    pandas = pytest.importorskip("pandas")
    like = pandas.DataFrame(
        {"n": np.array([1, 2], np.uint8), "f": [True, False], "r": np.array([0.5, 1.5], np.float32)}
    )
    same = SCHEMA.to_columns([[255, 1, 0.25], [0, 0, 2.5]], like=like)
    assert list(same.dtypes) == list(like.dtypes)
    wider = SCHEMA.to_columns([[300, np.nan, 1e39], [np.nan, 1, 2.5]], like=like)
    assert wider["n"][0] == 300
    assert np.isnan(wider["n"][1])
    assert wider["f"][0] is None or wider["f"].isna()[0]
    assert wider["r"][0] == 1e39
    nullable = like.astype({"n": "UInt8", "f": "boolean"})
    gaps = SCHEMA.to_columns([[7, np.nan, 1], [np.nan, 1, 2.5]], like=nullable)
    assert str(gaps["n"].dtype) == "UInt8"
    assert list(gaps["n"].isna()) == [False, True]


def test_dataframes_list_levels_and_name_columns():
    pandas = pytest.importorskip("pandas")
    place = pandas.DataFrame({"c": pandas.Categorical(["NA", "EU", "NA", None]), "d": [1.5, 2, 3, 4]})
    np.testing.assert_array_equal(
        as_table(place).batch(slice(None), np.float64).x_or_nan[:, 0], [1, 0, 1, np.nan]
    )
    short = pandas.DataFrame({"a": np.array([0.1, 0.2, 0.1], np.float32), "b": [1, 2, 3.0]})
    np.testing.assert_array_equal(as_table(short, "a=ordered(0.1, 0.2)").images[:, 0], [0, 1, 0])
    for door in (as_table, lambda frame: Dataset("x", frame)):
        with pytest.raises(InputError, match="name"):
            door(pandas.DataFrame({None: [1, 2.5], "b": [1, 2.5]}))
        for huge in (10**400, Decimal("sNaN"), Fraction(10**400, 3)):
            with pytest.raises(InputError, match=r"row \d.*float64 can|float64 can.*row \d"):
                door(pandas.DataFrame({"a": [1, huge, 2.5], "b": [1, 2, 3]}))


# ------------------------------------------------------------------------------------------------------
# sources and sizes


@pytest.mark.parametrize(
    "source", [None, 3, b"x.csv", np.ones((2, 2)), ["x.csv"], object()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("read", [load, as_table, read_arrays, read_pictures])
def test_a_source_is_a_path(source, read):
    with pytest.raises(InputError, match="should be a path"):
        read(source)


def test_an_option_that_would_change_nothing_is_refused(tmp_path):
    table = csv(tmp_path, "a,b\nu,1.5\nv,2\n")
    np.save(tmp_path / "x.npy", np.ones((3, 4)))
    for source in (table, tmp_path / "x.npy", "docstrings", "notes"):
        with pytest.raises(InputError, match="size=3x3 would change nothing"):
            load(source, size=3)
    with pytest.raises(InputError, match="found no size"):
        load(tmp_path / "x.npy", resize="fit")
    for kind in ("pixels", "counts"):
        with pytest.raises(InputError, match="a kind of its own"):
            load(table, kind=kind)
    assert load(table, kind="values").kind == "values"


def test_arrays_of_an_archive_are_read_or_refused(tmp_path):
    x, observed = np.arange(12.0).reshape(3, 4), np.arange(12).reshape(3, 4) % 5 > 0
    np.savez(tmp_path / "x.npz", images=x, observed=observed)
    np.testing.assert_array_equal(load(tmp_path / "x.npz").observed, observed)
    for name in ("mask", "Missing", "hidden"):
        np.savez(tmp_path / "x.npz", images=x, **{name: ~observed})
        with pytest.raises(InputError, match=f"expected which entries were observed.*found '{name}'"):
            load(tmp_path / "x.npz")


@pytest.mark.parametrize("size", [30_000, 10**6, 10**30])
def test_pictures_ask_for_room_before_they_are_made(size, tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    for i in range(2):
        image.fromarray(np.full((4, 4), 99 * i, np.uint8)).save(tmp_path / f"{i}.png")
    monkeypatch.setattr("scratchvae.data.images._resized", lambda *_: pytest.fail("a picture was made"))
    with pytest.raises(InputError, match=r"reading may take at most|should be"):
        load(tmp_path, size=size)


def test_a_picture_of_other_numbers_is_named(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for numbers in (np.full((4, 4), 1.5, np.float32), np.full((4, 4), 70_000, np.int32)):
        image.fromarray(numbers).save(tmp_path / "odd.tif")
        with pytest.raises(InputError, match=r"odd\.tif: expected a picture of 1, 8 or 16 bits"):
            read_pictures(tmp_path)


# -------------------------------------------------------------------------------------- what is known beside
# x, and names


X = np.random.default_rng(0).normal(size=(12, 4))
HIDDEN = np.ma.MaskedArray(np.arange(12), [1] + [0] * 11)
SETTINGS = {"latent_dim": 2, "hidden": 3, "epochs": 1, "seed": 0}


@pytest.mark.parametrize("form", ["masked", "list", "nested", "objects"])
def test_nothing_but_x_may_be_masked(form):
    numbers = HIDDEN.astype(float)
    column = {
        "masked": numbers[:, None],
        "list": list(numbers[:, None]),
        "nested": [[number] for number in [np.ma.MaskedArray(1.0, True)] * 12],
        "objects": np.array([[np.ma.masked]] + [[1.0]] * 11, object),
    }[form]
    row = {"masked": HIDDEN, "list": [np.ma.MaskedArray(1, True)] * 12}.get(form, HIDDEN)
    for known in ({"labels": row}, {"factors": {"a": row}}, {"conditions": column}):
        with pytest.raises(InputError, match=r"should be known, every entry of it; found 1?[12] masked"):
            Dataset("x", X, **known)
    with pytest.raises(InputError, match="observed should be known"):
        Dataset("x", X, observed=np.ma.MaskedArray(X > 0, X > 1))


def test_labels_beyond_the_largest_index_are_refused():
    with pytest.raises(InputError, match=f"found {2**63 + 5} of example 1"):
        Dataset("x", X[:2], labels=np.array([1, 2**63 + 5], np.uint64))


def test_columns_keep_the_order_of_fit():
    named = Dataset("x", X, entry_names=tuple("abcd"))
    turned = Dataset("x", X[:, ::-1], entry_names=tuple("dcba"))
    for model in (VAE(**SETTINGS).fit(named), FactorAnalysis(1).fit(named)):
        assert list(model.feature_names_in_) == list("abcd")
        with pytest.raises(InputError, match="must be in the same order"):
            model.transform(turned)
        model.transform(named)
    with pytest.raises(InputError, match="must be in the same order"):
        VAE(**SETTINGS).fit(named, held_out=turned)


@pytest.mark.parametrize("verb", ["transform", "encode", "reconstruct", "score_samples", "score", "impute"])
def test_answers_that_overflow_are_refused_without_a_warning(verb):
    model = VAE(**SETTINGS).fit(X)
    large = X.copy()
    large[3] = 3e38
    large[4, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answers = getattr(model, verb)(large)
        except InputError as refusal:
            said = str(refusal)
        else:
            said = "example 3" if np.isfinite(answers).all() else "a number that is none"
    assert "example 3" in said
    if verb in ("score_samples", "score", "impute"):  # a square of 3e38 is none of float32's numbers
        assert "example 3," in said or "for example 3" in said
