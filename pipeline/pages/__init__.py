"""Pages, charts and text for a person to look at."""
