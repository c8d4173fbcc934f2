"""Votes, scores and intervals, from probabilities alone."""
