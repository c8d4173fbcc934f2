"""Kinds of augmentation, one class for each."""
