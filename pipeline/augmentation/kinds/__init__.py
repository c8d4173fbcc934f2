"""One file for each kind of augmentation; shared/ has what several of them use."""
