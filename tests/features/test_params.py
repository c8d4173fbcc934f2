"""The section `extract`: which features are listed, and the feature that a store describes."""

from dataclasses import asdict
from typing import Any

import pytest
from documents import base_document

from pipeline.base.errors import ParamsError
from pipeline.features.shared.feature import (
    described_feature,
    feature_names,
    parse_extract,
    read_feature,
)


def test_only_the_listed_features_are_extracted_in_their_order() -> None:
    names = list(feature_names())[::-1][:2]
    found = parse_extract({**base_document()["extract"], "features": names})
    assert found == {name: read_feature(name, base_document()) for name in names}
    assert list(found) == names


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("mel", r"extract\.features = 'mel': should be a list of "),
        ([], r"extract\.features = \[\]: should be a list of "),
        (["mel", "nosuch"], r"extract\.features\.1 = 'nosuch': should be one of the choices: "),
        ([["mel"]], r"extract\.features\.0 = \['mel'\]: should be one of the choices: "),
        (["mel", "grey", "mel"], r"extract\.features\.2 = 'mel': should be listed once$"),
    ],
    ids=str,
)
def test_the_list_names_features_once_each(features: Any, expected: str) -> None:
    with pytest.raises(ParamsError, match=f"^{expected}"):
        parse_extract({**base_document()["extract"], "features": features})


def test_features_that_are_not_listed_have_to_be_valid_as_well() -> None:
    section = {**base_document()["extract"], "features": ["grey"]}
    section["mel"] = {**section["mel"], "top_db": 0}
    with pytest.raises(ParamsError, match=r"^extract\.mel\.top_db = 0: should be greater than 0$"):
        parse_extract(section)


def test_a_store_describes_a_feature_unless_the_user_made_it() -> None:
    mel = read_feature("mel", base_document())
    assert described_feature({"name": "mel", "params": asdict(mel)}) == mel
    for description in ({}, {"name": "mel"}, {"name": "own", "params": asdict(mel)}):
        assert described_feature(description) is None
