"""Scoring a checkpoint against labelled data."""
