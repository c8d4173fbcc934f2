"""Errors, sections of params.yaml, tables, digests, the terminal, and the parallel map."""
