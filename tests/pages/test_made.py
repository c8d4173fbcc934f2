"""How a run was made: what the records have, and nothing that they lack."""

from pipeline.pages.figures import how_it_was_made

RECORD = {
    "parameters": {
        "model": "cnn",
        "seed": 42,
        "models": {"cnn": {"filters": [64, 128], "epochs": 5}},
    },
    "backend": "tensorflow",
    "versions": {"python": "3.11.2", "librosa": "0.11.0"},
    "seconds": 150.0,
    "seconds_of_folds": {"0": 30.0, "1": 120.0},
}


def test_there_is_a_table_for_each_section() -> None:
    tables = {table.title: dict(table.rows) for table in how_it_was_made(RECORD, {"folds": 2})}
    assert tables == {
        "Run": {"model": "cnn", "seed": "42"},
        "models.cnn": {"filters": "64, 128", "epochs": "5"},
        "Training": {"backend": "tensorflow"},
        "Versions": {"python": "3.11.2", "librosa": "0.11.0"},
        "Time of training": {
            "fold 0": "30 s",
            "fold 1": "2 min",
            "all folds, one after another": "2 min",
        },
        "Folds": {"folds": "2"},
    }


def test_a_record_without_anything_has_no_table() -> None:
    assert how_it_was_made({}, {}) == []
