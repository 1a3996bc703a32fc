"""What training would refuse, and identifiers that a spreadsheet spoilt."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from sitrep.data.leakage import refuse_leaks
from sitrep.data.loading import LoadedData, held_out_sets
from sitrep.data.split import split_faults
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.normalization import SHORTENED_NUMBER
from sitrep.quality.findings import EXAMPLES_SHOWN, Example, Finding, Severity
from sitrep.sentences import LabelledSentence
from sitrep.settings import DataSettings


def refusals(data: LoadedData, taxonomy: Taxonomy, settings: DataSettings, said: Collection[str]) -> Iterator[Finding]:
    """Find all for which training would refuse the data.

    Args:
        data: The sets as training would use them.
        taxonomy: Each set must hold all of its labels.
        settings: That name the data.
        said: Kinds of findings that other checks made already; they are not repeated.
    """
    for fault in split_faults(data.split, taxonomy.labels, held_out_sets(settings)):
        if fault.kind not in said:
            yield Finding(fault.kind, Severity.error, fault.message, 1)
    if not {"duplicates_across_sets", "articles_across_sets"} & set(said):
        try:
            refuse_leaks(data.split, data.calibration)
        except UserError as error:
            yield Finding("duplicates_across_sets", Severity.error, str(error), 1)


def shortened_ids(sentences: Sequence[LabelledSentence]) -> list[Finding]:
    """Find ids and article ids that are long numbers of which a spreadsheet kept the first digits alone."""
    spoilt: Counter[str] = Counter()
    units = 0
    for sentence in sentences:
        found = {name for name in (sentence.id, sentence.article_id) if SHORTENED_NUMBER.fullmatch(name)}
        spoilt.update(found)
        units += bool(found)
    if not units:
        return []
    shown = [Example(f"{count:,} units", name) for name, count in spoilt.most_common(EXAMPLES_SHOWN)]
    message = (
        f"{units:,} units have an id or article id such as {shown[0].text}: a spreadsheet cut long numbers short, and "
        "different ones became the same; export the data anew and import that column as text"
    )
    return [Finding("shortened_ids", Severity.warning, message, units, shown)]
