"""One file for each feature; shared/ has what several of them use."""
