"""Say what each sentence of a conflict-news page is for."""

__version__ = "0.1.0"
