"""Kinds of augmentation, chains of them, the recipe, and samples."""
