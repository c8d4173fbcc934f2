"""Compare revisions, and ways to train, by paired tests on the same tracks."""
