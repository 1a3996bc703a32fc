"""Comparison of runs that were scored on the same units."""
