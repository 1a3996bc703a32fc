"""Prediction: engines, the predictor, batching, reading inputs and writing results."""
