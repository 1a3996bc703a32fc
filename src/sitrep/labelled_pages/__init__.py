"""Labelled sentences put back into their page, for people to read: coloured, or without boilerplate."""
