"""The model over HTTP: requests of many clients share batches, and none of them harms the others."""
