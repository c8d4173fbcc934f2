"""Protocols, groups, labelled clips, inner validation, and the audit for leaks."""
