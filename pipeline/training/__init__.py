"""Parameters of a fit, tasks, fitting, checkpoints, batches, and saved models."""
