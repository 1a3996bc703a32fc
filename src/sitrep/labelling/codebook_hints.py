"""Short reminders of the codebook for those who label, beside what the taxonomy itself says of each label."""

import functools
from importlib import resources

import yaml

from sitrep.labels import Taxonomy, shipped_names, shipped_taxonomy


def hints_of(taxonomy: Taxonomy) -> dict[str, tuple[str, ...]]:
    """Reminders by label, of those labels that mean what they mean in a shipped taxonomy; others have none."""
    shipped = {label: meaning for name in shipped_names() for label, meaning in shipped_taxonomy(name).meanings.items()}
    return {
        label: hints
        for label, hints in _hints().items()
        if label in taxonomy.left_out or taxonomy.meanings.get(label) == shipped[label]
    }


@functools.cache
def _hints() -> dict[str, tuple[str, ...]]:
    text = (resources.files("sitrep.labelling") / "hints.yaml").read_text(encoding="utf-8")
    return {label: tuple(lines) for label, lines in yaml.safe_load(text).items()}
