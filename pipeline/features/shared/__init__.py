"""The base classes of features, their recipe, spectra and pictures."""
