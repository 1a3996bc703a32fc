"""Texts that share words with others, as a cheap first look for what is alike."""

from collections.abc import Sequence

import numpy as np

CHUNK = 64
"""Texts at once: their similarities to all others fit into little memory."""


def sharing_words(texts: Sequence[str], others: Sequence[str], each: int) -> list[int]:
    """Numbers of the other texts that share most words with any of the texts, by the cosine of TF-IDF.

    Args:
        texts: Whose words are looked for.
        others: What is looked through.
        each: How many are taken for each text.

    Returns:
        In ascending order, none twice; all of them where there are no more than ``each``.
    """
    if len(others) <= each:
        return list(range(len(others)))
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True, dtype=np.float32)
    reference = vectoriser.fit_transform(others).T.tocsr()
    queries = vectoriser.transform(texts)
    found: set[int] = set()
    for start in range(0, len(texts), CHUNK):
        similarities = (queries[start : start + CHUNK] @ reference).toarray()
        found.update(np.argpartition(-similarities, each - 1, axis=1)[:, :each].ravel().tolist())
    return sorted(found)
