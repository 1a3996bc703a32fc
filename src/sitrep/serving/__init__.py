"""A checkpoint over HTTP: an interface for programs, and a page for people."""
