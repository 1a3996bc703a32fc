import pytest

from sitrep.normalization import comparable, identifier, plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("shel\u00adling", "shelling"),  # soft hyphen
        ("cafe\u0301", "café"),  # accent of its own
        ("Kyi\u200bv", "Kyiv"),  # zero-width space
        ("ﬁre", "fire"),  # ligature
        ("\ufeffFour", "Four"),  # byte order mark
        ("a\u202eb", "ab"),  # direction mark
    ],
)
def test_characters_that_are_not_seen_do_not_count(one, other):
    assert plain(one) == plain(other) == other


def test_comparing_forgets_case_stops_and_spaces():
    assert comparable("  The ARMY said: “No.”\n") == comparable("the army  said no")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("a1 ", "a1"), (" a1\u200b", "a1"), (float("nan"), None), ("NaN", None), (None, None), ("  ", None), (3, "3"),
     (0.0, "0"), ("7.0", "7"), ("7.5", "7.5"), ("v1.0", "v1.0"), ("1.23457E+17", "1.23457E+17"), (False, "False")],
)  # fmt: skip
def test_identifiers_have_one_spelling(value, wanted):
    assert identifier(value) == wanted
