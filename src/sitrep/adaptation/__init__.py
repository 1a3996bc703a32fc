"""A checkpoint made better with labels of a user's own pages, and whether it is."""
