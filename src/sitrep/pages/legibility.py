"""What the model, which reads English, cannot read: other scripts and languages, broken encodings, left markup."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from sitrep.sentences import Passage

_BYTE = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
MOJIBAKE = re.compile(
    rf"â€|Ã{_BYTE}|\bÃ(?![A-Z])|Â[\u00a0-\u00bf]|Â(?!\w)|ðŸ|ï¿½|ï»¿|\ufffd|‚Ä[ìîòôúùû¶¢]|ΓÇ[ÖôöóªÆ£¥]"
    rf"|(?:[Ã-ß]{_BYTE}){{3}}|(?:[à-ï]{_BYTE}{{2}}){{2}}"
)
"""UTF-8 that was read as Latin-1, Windows-1252, Mac Roman or the code page of a DOS window, and the mark of what could
not be read. One letter before signs that stand for bytes there proves nothing: ``café…”`` is no damage."""

_TAGS = (
    "a abbr article aside b blockquote body br button center div em figcaption figure font footer form h[1-6] head "
    "header hr html i iframe img input label li link main meta nav ol option p picture pre script section select small "
    "source span strong style sub sup svg table tbody td th thead time title tr u ul video"
)
_ENTITIES = "nbsp amp quot apos lt gt copy reg deg [lr][sd]quo [lr]aquo [mn]dash hellip bull middot euro pound"
MARKUP = re.compile(
    rf"</?(?:{'|'.join(_TAGS.split())})\b[^<>]*>|<!--|<!doctype|<\?xml"
    rf"|&(?:{'|'.join(_ENTITIES.split())}|[a-z](?:acute|grave|circ|uml|tilde|cedil|caron)|#\d+|#x[0-9a-f]+);",
    re.I,
)

CONTROL = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]")
LETTER = re.compile(r"[^\W\d_]")
LETTER_OF_ANOTHER_SCRIPT = re.compile(
    r"[^\W\d_\u0000-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\ufb00-\ufb06\uff21-\uff5a]"
)
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
PLAIN = re.compile(r"[a-z'’-]+", re.I).fullmatch

ENGLISH = frozenset(
    "the and of that with from have been be has he she it his they you this which who said were after when would will "
    "could into not but its it's their there about or our your all more read share what how why two three near amid "
    "against says say out up off during between before its then only other killed".split()
)
"""Common words of news and menus in English. Those that are as common elsewhere, such as ``a``, ``in``, ``is``,
``was``, ``for`` and ``at``, prove nothing."""

FOREIGN = {
    "es": "el la los las del al que en y por con una un para se su sus como más pero fue ha han este esta según "
    "tras desde hasta entre sobre también lo es le ya dos muy cuando mi durante muertos heridos ataque "
    "ejército gobierno policía personas presidente",
    "pt": "o os as da do das dos na nos nas que em um uma por com para se não ao pelo pela mais foi são ou seu sua "
    "após segundo entre também até muito quando já está foram mortos mortes feridos ataque exército governo "
    "polícia pessoas cidade",
    "fr": "le la les des du de et est une un dans pour qui que sur avec ont été pas au aux ce cette ces il elle "
    "selon après depuis plusieurs leur nous vous lors dont où sont ses mais à morts blessés attaque armée "
    "soldats personnes gouvernement l' d' qu' n' j'",
    "it": "il lo gli della delle dei degli del di che con una un sono nel nella è stato stati ha hanno al alla dopo "
    "tra anche più non si da questo questa secondo e contro ai dal dalla morti feriti attacco esercito "
    "governo polizia persone uomini tre l' dell' nell' sull' all' dall'",
    "de": "der das den und ist nicht von dem mit ein eine einen einem einer sich auf für im bei nach wurde wurden "
    "haben sind auch aus als wie wird werden durch zum zur hatte noch über vor sie wir zwei drei vier zehn "
    "mindestens getötet verletzt worden zurück",
    "nl": "het een en niet dat zijn voor met werd aan ook naar uit bij heeft hebben worden deze nog wordt maar om "
    "werden volgens tijdens de der doden gewonden aanval leger politie twee drie mannen",
    "sv": "och att som är för på med av det ett har inte till från enligt efter om sig vid mot var blev döda "
    "skadade polisen två tre män",
    "da": "og er ikke til fra på af av det et har som med blev ble efter etter mod mot ved være blevet jeg ifølge "
    "dræbt døde såret politiet mennesker",
    "tr": "ve bir bu için ile olan olarak da daha çok göre sonra kadar gibi ise ancak sürüyor dedi oldu yapılan "
    "üzere değil tarafından ettiği kişi ölü yaralı saldırı saldırıda asker polis iki üç",
    "id": "yang dan di dengan untuk dari pada telah ini itu tidak akan ke oleh dalam sebuah kepada mereka adalah "
    "juga karena tersebut sudah bahwa kata saat orang para setelah tewas luka polisi tentara serangan dua "
    "tiga",
    "pl": "w z na się nie że jest przez od po został zostało oraz dla są jak ale była było ich już tym który które "
    "podczas według osób osoby zabitych rannych ataku policja wojsko dwóch",
    "cs": "v na se že byl byla bylo jsou při podle které který je po od pro však ale jako také za ze není mrtvých "
    "zraněných útok policie lidé dva",
    "hr": "je su na se za od koji koja nije da iz što bila kako nakon ali ili sa prema mrtvih ranjenih vojska "
    "policija dvije najmanje eksploziji",
    "ro": "și în din cu la pe au fost pentru este nu mai că un o sunt ale după de prin lui dar iar către morți "
    "răniți atac poliția doi oameni puțin",
    "hu": "az és hogy nem egy volt meg még már után ezt csak vagy szerint voltak halott halottja sebesült két "
    "rendőrség legalább",
    "sw": "ya wa na kwa ni katika za hiyo huo cha kuwa watu wakati hayo baada wao vya alisema huyo yake la hii "
    "polisi wawili jeshi askari waliuawa wameuawa",
    "so": "ayaa oo waxaa iyo ka ku ee uu lagu waa ah soo",
    "ha": "da na ta cewa suka kuma daga wata wani mutane ce ya ne an",
    "tl": "ang ng sa mga na ay si nang ito ni hindi isang para",
    "vi": "và của các được trong là người đã cho với không những tại bị này một",
    "sq": "dhe të në një që për është nga janë së",
    "ku": "û di de li ji ku bi ser jî ew",
    "fi": "ja ei että oli ovat mukaan hän sekä joka mutta myös kuoli kuollut haavoittui poliisi iskussa kaksi ihmistä",
    "az": "və bir bu üçün ilə olan edib ki də",
    "ca": "el la els les dels que en i amb una un han aquest va ser",
}
"""Common words of other languages in Latin script and of their news, by code of the language.

Words of English are not among them. One with an apostrophe stands for the beginning of a word.
"""

PARTS_OF_NAMES = frozenset(
    "al as ai d da das de degli dei del della den der des di do dos du e el en es ez la las le les li lo los na nos "
    "o os se sa si u van von y zu".split()
)
NAME = re.compile(
    rf"\b(?:(?:{'|'.join(sorted(PARTS_OF_NAMES))})[ -])+(?=[^\W\d_a-zß-ÿ])|\b(?:al|el|ad|ar|as|ash|at|ez|es|an)-\w+"
    r"|\bde (?:facto|jure)\b|\ben (?:masse|route|bloc)\b|\bal fresco\b|\ba la carte\b|\bdu jour\b|\bper se\b"
    r"|\b(?:coup|tour|aide|joie)[ -]de[ -]\w+|\b(?:coup|raison)s? d[’']\w+"
)
"""Small words that stand before a capital, or in an Arabic name, are parts of names; a few idioms are English."""

LOANS = frozenset(
    "attaché attachés café cafés cliché clichés communiqué communiqués débâcle décor détente élite élites émigré "
    "émigrés entrée exposé façade façades fiancé fiancée naïve protégé protégés régime régimes résumé rôle".split()
)
"""Words of English with letters that it does not have otherwise."""

LANGUAGES_OF: dict[str, tuple[str, ...]] = defaultdict(tuple)
for _code, _words in FOREIGN.items():
    for _word in set(_words.split()) - ENGLISH:
        LANGUAGES_OF[_word] += (_code,)

PAGE_WORDS = 30
"""Shorter pages say nothing as a whole."""
SURE_WORDS = 100
"""A page as long as this is not English where English words are missing, also in a language that is not known here."""
PAGE_ENGLISH = 0.03
"""Least share of English function words; news in English has a sixth at least, pages of headlines less."""


def oddity(text: str) -> str | None:
    """Why a sentence or line cannot be read; ``None`` if it can.

    Returns:
        ``other_script``, ``mojibake``, ``markup``, ``control_characters`` or ``not_english``, the first that holds.
    """
    if is_other_script(text):
        return "other_script"
    if is_mojibake(text):
        return "mojibake"
    if has_markup(text):
        return "markup"
    if has_control_characters(text):
        return "control_characters"
    return "not_english" if is_not_english(text) else None


def foreign(texts: Sequence[str]) -> bool:
    """Whether a page as a whole is not English: many words, and hardly any that English cannot do without."""
    words = english = 0
    for text in texts:
        split = text.lower().split()
        words += len(split)
        english += sum(map(ENGLISH.__contains__, split))
    if words < PAGE_WORDS or english >= PAGE_ENGLISH * words:
        return False
    whole = " ".join(texts)
    return words >= SURE_WORDS or _evidence(whole) > 2


def oddities(passages: Sequence[Passage]) -> list[str | None]:
    """The :func:`oddity` of each passage; where the passages of its article are foreign together, ``not_english``."""
    pages: dict[str, list[str]] = defaultdict(list)
    for passage in passages:
        pages[passage.article_id].append(passage.text)
    of_page = {article: "not_english" if foreign(texts) else None for article, texts in pages.items()}
    return [oddity(passage.text) or of_page[passage.article_id] for passage in passages]


def is_other_script(text: str) -> bool:
    """Whether more than half of the letters are not Latin."""
    if text.isascii():
        return False
    return len(LETTER_OF_ANOTHER_SCRIPT.findall(text)) > 0.5 * len(LETTER.findall(text))


def is_mojibake(text: str) -> bool:
    """Whether the text went through a wrong encoding."""
    return not text.isascii() and MOJIBAKE.search(text) is not None


def has_markup(text: str) -> bool:
    """Whether a tag or an entity was left in the text."""
    return ("<" in text or "&" in text) and MARKUP.search(text) is not None


def has_control_characters(text: str) -> bool:
    """Whether the text holds characters that steer terminals; line breaks and tabs are none of them."""
    return not text.isprintable() and CONTROL.search(text) is not None


def is_not_english(text: str) -> bool:
    """Whether a sentence shows that it is in another language.

    That English function words are missing shows nothing, as headlines have none. A sentence is foreign if it holds
    two common words of one other language, or one and a word with letters that English does not have, or three of
    these, and no English word, or several times as many. One as long as a page is judged as one.
    """
    split = text.lower().split()
    english = sum(map(ENGLISH.__contains__, split))
    if 8 * english > len(split):
        return False
    if text.isascii() and "'" not in text and LANGUAGES_OF.keys().isdisjoint(split):
        return foreign([text])  # most headlines end here, long before names are looked for
    return _evidence(text) >= 2 + 3 * english or foreign([text])


def _evidence(text: str) -> int:
    """How many different common words of one language the text holds, and what its letters add; names do not count."""
    words = WORD.findall(NAME.sub(" ", text))
    if text.isupper() or text.islower():  # names are not told from words: what may be part of one does not count
        words = [word for word in words if len(word) > 2 and word.lower() not in PARTS_OF_NAMES]
    else:
        first = words[:1] if len(words) > 1 and words[1][0].islower() else []  # else it may begin a name
        words = first + [word for word in words if word[0].islower()]
    counts: Counter[str] = Counter()
    accented = 0
    for word in set(words):
        head, apostrophe, _ = word.lower().replace("’", "'").partition("'")
        if languages := LANGUAGES_OF.get(head + apostrophe):
            counts.update(languages)
        elif not (apostrophe or PLAIN(head) or head in LOANS or word[0].isupper()):
            accented += 1
    return max(counts.values(), default=0) + (2 * (accented // 3) or min(1, accented))
