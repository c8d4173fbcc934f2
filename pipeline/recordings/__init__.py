"""Acoustic fingerprints: which tracks are the same recording."""
