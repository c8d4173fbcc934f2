"""The dataset's files, metadata and artists, and what is known about GTZAN."""
