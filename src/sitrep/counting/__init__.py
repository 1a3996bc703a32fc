"""How many units of each label a set holds, from predictions and the labels of a random share."""
