"""Prediction: reading pages and rows, cutting sentences, batching, and writing results."""

from sitrep.inference.job import predict
from sitrep.inference.predictor import Predictor

__all__ = ["Predictor", "predict"]
