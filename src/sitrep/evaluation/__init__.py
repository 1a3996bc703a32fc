"""Scoring a checkpoint against labelled data, and the report of it."""

from sitrep.evaluation.job import evaluate, evaluate_split, print_summary, write_results

__all__ = ["evaluate", "evaluate_split", "print_summary", "write_results"]
