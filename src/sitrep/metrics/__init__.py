"""Scores, calibration, abstention, resampling, significance and agreement, on arrays; no other part of the program."""
