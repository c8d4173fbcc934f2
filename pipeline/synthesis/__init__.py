"""The music of the demo dataset."""
