"""Runs that exist, as commits recorded them: read, compared, ranked and combined."""
