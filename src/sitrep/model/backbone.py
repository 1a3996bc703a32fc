"""The pretrained encoder and its tokenizer, from wherever the settings name it."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sitrep.errors import UsageError, UserError
from sitrep.labels import Task
from sitrep.model.checkpoint import PICKLES, WEIGHTS, weight_files
from sitrep.model.packaged import PACKAGED, packaged_folder
from sitrep.settings import Context, ModelSettings
from sitrep.storage.hub import HUB_NAME, hub_is_reachable

RANDOM_TINY = "random:tiny"

TINY_WORDS = 4000
"""Most frequent words of the training split in the vocabulary of ``random:tiny``."""

WINDOW_TOKENS = 256
"""Of a window of a page where the settings do not say it."""

DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "embedding_dropout",
    "attention_dropout",
    "mlp_dropout",
)
"""What encoders call the dropout inside them; that of the classifier is apart, and costs nothing."""


LAYER_KINDS = "layer_types"
"""Where a configuration lists the kind of each layer, such as ModernBERT's global and local attention."""


def check_backbone(settings: ModelSettings) -> None:
    """Find and verify the backbone as far as that goes without loading it.

    Raises:
        UserError: If the folder or package is missing, has no safetensors weights, or fails its checksum.
        UsageError: If the name is neither a folder nor could be one on the hub.
    """
    if settings.name != RANDOM_TINY:
        _location(settings)


def load_backbone(
    settings: ModelSettings, class_names: tuple[str, ...], task: Task, texts: Iterable[str]
) -> tuple[Any, Any]:
    """Load an encoder with a new classification layer.

    Args:
        settings: Which backbone.
        class_names: Of the outputs, in order; they go into the model's ``id2label``.
        task: Goes into the model's ``problem_type``, by which a plain pipeline knows softmax from sigmoid.
        texts: Training sentences, from which ``random:tiny`` takes its vocabulary.

    Returns:
        A :class:`sitrep.model.classifier.SentenceClassifier` in fp32, and its tokenizer of transformers.

    Raises:
        UserError: If it cannot be loaded.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from sitrep.model.classifier import wrap_classifier

    names = {
        "id2label": dict(enumerate(class_names)),
        "label2id": {label: index for index, label in enumerate(class_names)},
        "problem_type": f"{task.name}_classification",
    }
    if settings.name == RANDOM_TINY:
        model, tokenizer = _random_tiny(settings, names, texts)
    else:
        location = _location(settings)
        cached_only = not Path(location).is_dir() and not hub_is_reachable()
        source = {"revision": settings.revision, "local_files_only": cached_only}
        try:
            tokenizer = AutoTokenizer.from_pretrained(location, **source)
            config = AutoConfig.from_pretrained(location, **source, num_labels=len(class_names), **names)
            _keep_layers(config, settings)
            _set_dropout(config, settings)
            model = AutoModelForSequenceClassification.from_pretrained(
                location,
                **source,
                config=config,
                use_safetensors=True,
                dtype="float32",
                ignore_mismatched_sizes=True,  # the classifier of a model fine-tuned for something else is left behind
            )
        except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
            if cached_only:
                raise UserError(
                    f"model.name={settings.name}: not downloaded before, and the hub cannot be reached; "
                    "name a folder with model.name=FOLDER"
                ) from None
            reason = " ".join(str(error).split())
            raise UserError(f"model.name={settings.name}: cannot be loaded: {reason[:300]}") from None
    classifier = wrap_classifier(model, settings.context)
    longest = _longest_input(model) or max(settings.max_tokens, settings.window_tokens or WINDOW_TOKENS)
    classifier.window_tokens = settings.window_tokens or min(WINDOW_TOKENS, longest)
    windows = {"window_tokens": classifier.window_tokens} if classifier.context is Context.article else {}
    for name, tokens in ({"max_tokens": settings.max_tokens} | windows).items():
        if tokens > longest:
            raise UserError(f"model.{name}={tokens}: {settings.name} reads at most {longest}")
    tokenizer.model_max_length = settings.max_tokens
    return classifier, tokenizer


def _keep_layers(config: Any, settings: ModelSettings) -> None:
    """Let a configuration ask for the lower layers only; the weights of the others are then left behind."""
    wanted = settings.layers
    if wanted is None:
        return
    there = getattr(config, "num_hidden_layers", None)
    if not isinstance(there, int) or config.is_encoder_decoder:
        why = "does not tell its number of layers" if there is None else "is more than an encoder"
        raise UserError(f"model.layers={wanted}: {settings.name} {why}; use null")
    if wanted > there:
        raise UserError(f"model.layers={wanted}: {settings.name} has {there}")
    kinds = getattr(config, LAYER_KINDS, None)
    try:
        config.num_hidden_layers = wanted
        if kinds is not None:
            setattr(config, LAYER_KINDS, list(kinds)[:wanted])
    except NotImplementedError:  # the number is worked out from something else
        raise UserError(f"model.layers={wanted}: {settings.name} cannot be cut; use null") from None


def _longest_input(model: Any) -> int | None:
    """Tokens that the encoder has places for; ``None`` if it does not count them.

    The RoBERTa family and MPNet number places from behind the padding token's number on, and so have fewer than table
    rows.
    """
    rows: int | None = getattr(model.config, "max_position_embeddings", None)
    places = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(places, "padding_idx", None)
    return rows if rows is None or padding is None else rows - padding - 1


def _set_dropout(config: Any, settings: ModelSettings) -> None:
    if settings.dropout is None:
        return
    present = [name for name in DROPOUTS if hasattr(config, name)]
    if not present:
        raise UserError(
            f"model.dropout={settings.dropout}: {settings.name} has none of {', '.join(DROPOUTS)}; use null"
        )
    if getattr(config, "classifier_dropout", 0) is None:  # BERT then takes the encoder's
        config.classifier_dropout = config.hidden_dropout_prob
    for name in present:
        setattr(config, name, settings.dropout)


def _location(settings: ModelSettings) -> str:
    """A folder, or a name for the hub."""
    if settings.name in PACKAGED:
        return str(packaged_folder(settings.name))
    folder = Path(settings.name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(
                f"model.name={settings.name}: the folder has no config.json; a Hugging Face folder is wanted"
            )
        if not weight_files(folder):
            pickled = any(path for pattern in PICKLES for path in folder.glob(pattern))
            why = "holds pickled weights only, which are refused" if pickled else "holds no weights"
            raise UserError(f"model.name={settings.name}: {why}; {WEIGHTS} is wanted")
        return str(folder)
    if not HUB_NAME.fullmatch(settings.name):
        raise UsageError(
            f"model.name={settings.name}: no such folder, and not a hub name (owner/name), "
            f"{', '.join(PACKAGED)} or {RANDOM_TINY}"
        )
    return settings.name


def _random_tiny(settings: ModelSettings, names: dict[str, Any], texts: Iterable[str]) -> tuple[Any, Any]:
    """Two random layers 32 wide, and a word-piece vocabulary of frequent words and single characters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words: Counter[str] = Counter()
    for text in texts:
        words.update(re.findall(r"\w+|[^\w\s]", text.lower()))
    characters = sorted({character for word in words for character in word})
    frequent = [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:TINY_WORDS]]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*special, *characters, *(f"##{character}" for character in characters), *frequent])
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=max(settings.max_tokens, settings.window_tokens or 0),
        num_labels=len(names["id2label"]),
        **names,
    )
    _keep_layers(config, settings)
    _set_dropout(config, settings)
    return BertForSequenceClassification(config), tokenizer
