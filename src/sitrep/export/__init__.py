"""A checkpoint as a model of ONNX Runtime: the graph, whole numbers, and the gate that it has to pass."""
