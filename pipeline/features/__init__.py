"""The features, one file for each; shared/ has what several of them use."""
