"""What the encoder reads in one pass and how it answers: shared by training and prediction."""
