"""Labelled data: read, validated, divided by article, searched for leaks; and the shipped corpus."""
