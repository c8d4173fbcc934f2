"""Ways to train that are judged beside each other on the spot, and what they will cost."""
