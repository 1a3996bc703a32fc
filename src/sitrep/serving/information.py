"""What `/info` tells; the names of text-embeddings-inference are among its own, so that clients of it find theirs."""

from typing import Any

from sitrep import __version__
from sitrep.serving.bodies import JSON_DEPTH
from sitrep.serving.service import LabellingService
from sitrep.settings.description import as_plain
from sitrep.speakers import SPEAKERS


def information(service: LabellingService) -> dict[str, Any]:
    """Checkpoint, labels, engine and limits."""
    served, predictor, limits = service.served, service.predictor, service.limits
    checkpoint = served.checkpoint
    names = checkpoint.class_names
    engine = None
    if predictor is not None:
        precision = predictor.engine.precision
        engine = {
            "name": predictor.engine.name.name,
            "device": predictor.engine.device,
            "precision": precision.precision.name,
            "precision_reason": precision.reason,
            "batch_tokens": predictor.batch_tokens,
            "members": len(checkpoint.members) or 1,
        }
    return {
        "version": __version__,
        "status": "draining" if service.draining else "loading" if predictor is None else "serving",
        "checkpoint": served.as_plain(),
        "checkpoint_changed": served.changed(),
        "task": checkpoint.task.name,
        "class_names": list(names),
        "speaker_names": list(SPEAKERS) if predictor and predictor.says_speakers else None,
        "codebook": checkpoint.taxonomy.as_plain(),
        "context": checkpoint.context.name,
        "max_tokens": checkpoint.max_tokens,
        "calibrated": service.settings.calibrated,
        "temperature": predictor.temperature if predictor else None,
        "acceptance_thresholds": dict(predictor.acceptance_thresholds) if predictor else None,
        "engine": engine,
        "limits": as_plain(limits) | {"json_depth": JSON_DEPTH},
        "model_id": served.name,
        "model_sha": served.sha256,
        "model_dtype": engine["precision"] if engine else None,
        "model_type": {
            "classifier": {
                "id2label": {str(place): name for place, name in enumerate(names)},
                "label2id": {name: place for place, name in enumerate(names)},
            }
        },
        "max_input_length": checkpoint.max_tokens,
        "max_client_batch_size": limits.inputs,
        "max_batch_tokens": engine["batch_tokens"] if engine else None,
    }
