"""Ways to train, and to deform sound, that are judged on the spot, and what they will cost."""
