"""Decoding, PCM and clips: the only package that knows audio codecs."""
