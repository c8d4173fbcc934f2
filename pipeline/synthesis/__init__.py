"""The demo's music."""
