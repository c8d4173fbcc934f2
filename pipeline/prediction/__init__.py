"""Saved models, and what they predict for clips and for audio files."""
