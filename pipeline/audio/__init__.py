"""Decoding, PCM and clips: the only room that knows a codec."""
