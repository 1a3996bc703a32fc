"""The user's cache folder: what can be had again, and costs time or a network."""

from pathlib import Path


def cache_folder() -> Path:
    """The program's own folder among the user's caches; it need not exist."""
    import platformdirs

    return platformdirs.user_cache_path("sitrep")
