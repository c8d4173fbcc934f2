"""What several kinds of augmentation use."""
