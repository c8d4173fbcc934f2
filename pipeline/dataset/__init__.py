"""Which files there are, their metadata and artists, and what is known of GTZAN."""
