"""Acoustic fingerprints, and which tracks are the same recording."""
