"""What several features share: their base class, spectra, pictures, and the recipe."""
