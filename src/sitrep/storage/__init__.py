"""Files and folders that are complete or absent, tables row by row, and the hub."""
