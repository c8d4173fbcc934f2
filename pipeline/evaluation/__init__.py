"""Votes, scores and intervals, computed from probabilities alone."""
