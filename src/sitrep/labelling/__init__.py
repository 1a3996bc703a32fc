"""Units of a user's own pages: chosen, sent to coders and back, agreement of coders."""
