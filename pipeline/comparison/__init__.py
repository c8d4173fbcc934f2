"""Revisions, paired tests, and one way to train and judge beside another."""
