"""Examination of labelled data: errors, duplicates, leaks, odd texts, suspected label errors."""
