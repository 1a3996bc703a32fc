"""From the text of a page to sentences with exact offsets."""
