"""Label the sentences of articles or rows."""

from sitrep.config import PredictSettings
from sitrep.hydra_entry import job


@job("predict", PredictSettings)
def main(settings: PredictSettings) -> None:
    """Label every sentence of an article, of rows, of a folder, or of standard input."""
    from sitrep.inference import predict

    predict(settings)


if __name__ == "__main__":
    main()
