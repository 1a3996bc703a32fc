"""Labelled data: read, validated, divided by article."""

from sitrep.data.loading import LoadedData, SourceFile, divide, load_data, load_test
from sitrep.data.split import Split

__all__ = ["LoadedData", "SourceFile", "Split", "divide", "load_data", "load_test"]
