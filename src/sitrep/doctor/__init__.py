"""Examination of labelled data: errors, duplicates, leaks, odd texts, suspected label errors."""

from sitrep.doctor.job import check_data

__all__ = ["check_data"]
