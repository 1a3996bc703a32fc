"""Scoring a checkpoint against labelled data, the report of it, and the comparison of runs."""

from sitrep.evaluation.comparison_job import compare
from sitrep.evaluation.job import add_neighbours, evaluate, evaluate_split, print_summary, write_results

__all__ = ["add_neighbours", "compare", "evaluate", "evaluate_split", "print_summary", "write_results"]
