"""Protocols, groups, labelled clips, the inner validation part, and the audit for leaks."""
