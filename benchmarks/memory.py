"""Peak memory of `scripts/predict.py` at 10,000, 100,000 and 1,000,000 rows.

    python benchmarks/memory.py checkpoint=RUN [rows=10000,100000,1000000]

RUN is best a `model=tiny` run: the figure is about the stream of rows, not about the model.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import options

SCRIPT = Path(__file__).parents[1] / "scripts" / "predict.py"


def main() -> None:
    """Measure the sizes in turn and print the table."""
    given = options("checkpoint", "rows")
    print("| rows | seconds | peak memory (MiB) |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, given.get("rows", "10000,100000,1000000").split(",")):
            source, target = Path(folder) / f"{count}.jsonl", Path(folder) / f"{count}.out.jsonl"
            with source.open("w") as file:
                for number in range(count):
                    file.write(f'{{"id": "{number}", "text": "Shells hit the bridge in district {number}."}}\n')
            began = time.perf_counter()
            command = [sys.executable, str(SCRIPT), f"checkpoint={given['checkpoint']}", f"input={source}"]
            subprocess.run([*command, f"output={target}"], check=True, capture_output=True)
            seconds = time.perf_counter() - began
            # The larger run comes second, so the maximum over all children so far is its own or a smaller one's.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            with target.open("rb") as file:
                written = sum(1 for _ in file)
            assert written == count, f"{written} of {count} rows came out"
            print(f"| {count:,} | {seconds:.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
