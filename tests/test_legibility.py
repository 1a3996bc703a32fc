from collections import Counter

import pytest
from conftest import write_jsonl

from sitrep.cli.composition import compose_settings
from sitrep.data import corpus
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.pages.legibility import FOREIGN, foreign, oddity
from sitrep.pages.passages import article_passages
from sitrep.sentences import Use
from sitrep.settings import PredictSettings

ENGLISH = """\
Gunmen kill 14 villagers near Mopti
Army denies strike on clinic
RSF shells El Fasher market, medics say
Los Angeles consulate attacked
Charles de Gaulle carrier group sails east
Militia overruns Deir ez-Zor oil field
Al Jazeera crew detained in Khan Younis
Three die as drone hits bus
EU chief von der Leyen visits Kyiv
Gunmen raid San Juan de los Morros
gunmen raid san juan de los morros
GUNMEN RAID SAN JUAN DE LOS MORROS
Rio de Janeiro police storm favela
Dar es Salaam port reopens
Bomb rips through Sultan Ahmed Mosque
Lula da Silva condemns blockade
Police chief de la Cruz resigns
Blast in Ciudad del Este injures nine
De facto authorities ban rallies
Troops desert en masse
De facto ruler flees en route
Le Monde reporter held
Der Spiegel: Berlin knew
Rebels seize Puerto Príncipe suburb, Côte d'Ivoire closes border
Le Drian meets Al Burhan
Sheikh Abu Bakr al-Baghdadi killed
Osama bin Laden aide caught
Mohammed bin Zayed receives envoy
Nur ad-Din al-Zenki fighters withdraw
Tamim al-Dari
Bus ambush leaves 11 dead, 4 missing
Shells hit the bridge.
"We will answer," General Idris Ould Mbareck said.
No one was hurt.
He was 19.
It burned all night.
Naïve café owners reopened their façades, a fiancé among them.
"They left the café…” he said.
Mayor José Peña and Zoë Ångström met Łukasz Żurek in Gdańsk.
Željko Ražnatović, Đorđe Đukić, Šešelj indicted
Erdoğan, Çavuşoğlu arrive in Şanlıurfa
Nguyễn Văn Thiệu statue toppled in Đà Nẵng
São Tomé coup plotters jailed
Home | World | Politics | Sport | Video
Home News Sport Weather iPlayer Sounds Bitesize Food CBBC Shop Schools Taster Menu
Share Tweet Print Email
Read more
Sign in / Register
Copyright 2021 Reuters. All rights reserved.
© AFP 2019
14:32 GMT
12,400
* * *
— 3 —
...
?!
AT&T and M&S offices closed; Q&A below
Casualties rose 5 < 6 > 4 last week
Write to <desk@example.org> with tips
Per diem cut, con man flees
7 am den meeting, bear seen
Pour le Mérite medal sold
Car bomb, van found; 3 held
Die-hard fighters hold Mar del Plata hotel
Hezbollah, Amal trade fire in Burj el-Barajneh
La Paz miners clash, 2 dead
Las Vegas gunman's motive unknown
El País, La Stampa, Die Welt offices evacuated
Xinhua (新华社) reports 12 dead in Kashgar
The ministry (Міністерство оборони) denied it.
Al-Shabaab mortar shells land near Mogadishu's Aden Adde airport
Sri Lanka navy sinks boat off Trincomalee
Kim Jong Un oversees launch
Pakistan Tehreek-e-Insaf rally bombed
Lashkar-e-Taiba commander shot in Shopian
Abu Sayyaf frees Jolo hostages
Maung Maung, 34, Ko Aung Thu, 28, Ma Khin Hla, 51
Jos, Plateau State, Nigeria
Ouagadougou, March 3 (AFP)
Casualties: 4 dead, 11 wounded, 2 missing
Médecins Sans Frontières suspends work
Radio Télévision Libre des Mille Collines founder arrested
Ejército de Liberación Nacional claims pipeline blast
Frente Farabundo Martí para la Liberación Nacional wins
Our correspondent — Tbilisi, 08/08/08
Temperature 41° in Ahvaz, élite unit deployed
SUBSCRIBE NOW
ES | EU | EN | FR""".splitlines()

OTHER = {
    "other_script": """\
Снаряды попали в мост, погибли четверо.
Четверо людей загинули внаслідок обстрілу.
Новини | Контакти
قتل أربعة أشخاص في القصف
العربية
در این حمله چهار نفر کشته شدند
ארבעה נהרגו בהפגזה
गोलाबारी में चार लोग मारे गए
গোলাবর্ষণে চারজন নিহত
炮击造成四人死亡
砲撃で4人が死亡した
포격으로 네 명이 숨졌다
Τέσσερις νεκροί από βομβαρδισμό
በጥቃቱ አራት ሰዎች ተገደሉ
ဗုံးကြဲမှုကြောင့် လေးဦးသေဆုံး
დაბომბვას ოთხი ადამიანი ემსხვერპლა
Հրետակոծությունից չորս մարդ է զոհվել
ஷெல் தாக்குதலில் நான்கு பேர் பலி
มีผู้เสียชีวิตสี่คน""",
    "mojibake": """\
The armyâ€™s spokesman said so
CafÃ© owners fled
CÃšCUTA, Norte de Santander
Correspondent in MocoaÂ | 22 September
Ð¡Ð½Ð°Ñ€ÑÐ´Ñ‹ Ð¿Ð¾Ð¿Ð°Ð»Ð¸ Ð² Ð¼Ð¾ÑÑ‚
Ø§Ù„Ù‚ØµÙ Ø¹Ù„Ù‰ Ø§Ù„Ø¬Ø³Ø±
ç‚®å‡»é€ æˆå››äººæ­»äº¡
The ministry\ufffds answer came late
It ‚Äúwill answer‚Äù, he said
The armyΓÇÖs answer
ðŸ“² Join our channel""",
    "markup": """\
Shells hit <b>the</b> bridge
Shells&nbsp;hit the bridge
Four were killed.<br/>
<p class="lead">Gunmen stormed the post
He said &quot;no&quot; twice
The town&#8217;s mayor fled
<a href="/share">Share</a>
Caf&eacute; owners fled
<!-- ad slot 3 --> Read more""",
    "control_characters": """\
Shells\x08 hit the bridge
The general\x1b[0m denied it
It\x92s over, the mayor said""",
    "not_english": """\
Les obus ont touché le pont dans la nuit.
Quatre personnes ont été tuées selon le ministère.
La situation est calme, mais tendue.
Lire aussi : les motards en grève
El ejército negó los hechos en un comunicado.
Cuatro muertos tras el ataque a una patrulla
Se busca perra labrador en la zona
O governo disse que não há feridos.
Os militares negaram o ataque em nota
Gli aerei hanno colpito il ponte nella notte.
Il ministro non ha risposto alle domande
Die Armee hat den Angriff nicht bestätigt.
Vier Menschen wurden bei dem Angriff getötet
Er sagt, das ist nicht wahr
Het leger is niet aanwezig in het dorp
Bij de aanval werden vier mensen gedood
Fyra personer har dödats och flera är skadade
Hæren har ikke bekræftet angrebet
Fire mennesker ble drept, og politiet er på stedet
Saldırıda dört kişi öldü ve bir asker yaralandı
Bakanlık bu iddiaları reddetti, çok sayıda yaralı var
Empat orang tewas dalam serangan itu
Tentara tidak akan mundur dari kota ini
W ataku zginęły cztery osoby, a wojsko nie komentuje się
Minister nie odpowiedział na pytania
Při útoku zahynuli čtyři lidé, armáda se nevyjádřila
Vojska je saopštila da nije bilo žrtava
Patru oameni au fost uciși în atac
Ministerul nu a răspuns la întrebări, dar este așteptat
Négy ember meghalt, és a hadsereg nem nyilatkozott
Watu wanne waliuawa katika shambulio hilo, polisi wa eneo
Jeshi limekanusha madai hayo ya mauaji
Ciidamada ayaa sheegay in la dilay afar qof oo rayid ah
Sojoji sun ce an kashe mutane hudu a harin
Apat ang patay sa pag-atake ng mga armado
Bốn người đã thiệt mạng trong vụ tấn công
Katër persona u vranë në sulm dhe ushtria e mohoi
Neljä ihmistä kuoli, ja armeija ei ole vahvistanut
Hücumda dörd nəfər ölüb və bir nəfər yaralanıb
Quatre morts en l'atac, segons els bombers i amb diversos ferits""",
}
TABLE = [(kind, line) for kind, lines in OTHER.items() for line in lines.split("\n")]
UNSEEN = {
    "La bataille de Bakhmout": "'de' before a capital may be part of a name, and one word alone proves nothing",
    "Lau pertsona hil dira erasoan": "Basque is no language of the lists, and its letters are those of English",
}
"""Foreign lines that are taken for English, and why."""

FRENCH_PAGE = """Accueil
Vidéos
Quatre civils ont été tués samedi dans une attaque menée par des hommes armés contre un village du cercle de Bankass.
L'armée n'a pas encore confirmé le bilan, mais plusieurs habitants parlent de dizaines de blessés et de maisons brûlées.
Contact
"""
ENGLISH_PAGE = """Home
Four villagers were killed on Saturday in an attack on a village near Bankass, the army said.
Share this page
"""


def test_tables_are_large_enough():
    assert min(len(ENGLISH), len(TABLE)) >= 60
    assert len(FOREIGN) >= 12
    assert len(UNSEEN) <= 2


@pytest.mark.parametrize("text", ENGLISH)
def test_what_english_pages_hold_is_not_odd(text):
    assert oddity(text) is None


@pytest.mark.parametrize(("kind", "text"), TABLE)
def test_foreign_and_damaged_lines_are_odd(kind, text):
    assert oddity(text) == kind


@pytest.mark.parametrize("text", UNSEEN)
def test_lines_known_to_pass_for_english_still_do(text):
    assert oddity(text) is None


def test_page_decides_for_its_short_lines():
    assert oddity("Accueil") is None
    assert foreign(FRENCH_PAGE.splitlines())
    assert not foreign(ENGLISH_PAGE.splitlines() * 5)
    assert not foreign(["Accueil", "Contact"])


def test_page_in_a_language_that_is_not_known_is_foreign_if_it_is_long():
    line = "Lau pertsona hil dira erasoan eta hamar zauritu daude ospitalean"
    assert foreign([line] * 12)
    assert not foreign([line] * 2)


def test_pages_of_headlines_and_menus_are_not_foreign():
    assert not foreign(ENGLISH)
    assert not foreign(["Home | News | Sport | Weather | Video | Audio | Travel | Food | Money | Jobs"] * 4)


@pytest.mark.slow
def test_hardly_a_unit_of_the_shipped_corpus_is_taken_for_foreign():
    uses = corpus.load_uses()
    units = [unit for unit in corpus.load().to_list() if uses[unit["article_id"]] is Use.any]
    odd = Counter(oddity(unit["text"]) for unit in units)
    assert odd["other_script"] + odd["not_english"] < 0.003 * len(units)
    assert {unit["noise"] for unit in units if oddity(unit["text"]) == "mojibake"} == {"mojibake"}
    assert odd["markup"] == odd["control_characters"] == 0
    pages = {unit["article_id"]: [] for unit in units}
    for unit in units:
        pages[unit["article_id"]].append(unit["text"])
    assert not any(map(foreign, pages.values()))


@pytest.fixture
def predictor(run_directory):
    loaded = Predictor.from_checkpoint(run_directory, precision="fp32")
    loaded.acceptance_thresholds = dict.fromkeys(loaded.taxonomy.labels, 0.0)
    return loaded


def test_what_cannot_be_read_is_never_accepted_and_is_counted(predictor):
    pages = {
        "fr": FRENCH_PAGE,
        "en": ENGLISH_PAGE,
        "mixed": "Share this page\nСнаряды попали в мост.\nCaf&eacute; hit\n",
    }
    given = [passage for name, page in pages.items() for passage in article_passages(page, name)]
    found = list(predictor.predict(given))
    assert [said.decision for said in found] == ["review"] * 5 + ["accept"] * 3 + ["accept", "review", "review"]
    assert predictor.odd_sentences == {"not_english": 5, "other_script": 1, "markup": 1}


def test_label_and_probabilities_of_what_cannot_be_read_stay(predictor):
    [said] = predictor.predict(article_passages("Снаряды попали в мост.", "a"))
    assert said.label == predictor.label([said.passage.text])[0]
    assert sum(said.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("calibrated", "outcome"), [("true", "they are marked review"), ("false", "their labels say little")]
)
@pytest.mark.parametrize("output", ["out.jsonl", "-"])
def test_run_says_in_one_line_how_much_it_cannot_read(run_directory, tmp_path, capsys, output, calibrated, outcome):
    source = write_jsonl(
        tmp_path / "rows.jsonl", [{"text": "Four were killed."}, {"text": "Снаряды"}, {"text": "炮击"}]
    )
    target = output if output == "-" else tmp_path / output
    fixed = [f"checkpoint={run_directory}", f"input={source}", f"output={target}", f"calibrated={calibrated}"]
    predict(compose_settings("predict", PredictSettings, [*fixed, "inference.precision=fp32"]))
    assert [line for line in capsys.readouterr().err.splitlines() if "another script" in line] == [
        "2 of 3 sentences are in another script or language, or damaged (2 other_script); sitrep reads English: "
        + outcome
    ]


def test_run_says_nothing_of_pages_that_it_can_read(run_directory, tmp_path, capsys):
    (tmp_path / "page.txt").write_text(ENGLISH_PAGE, encoding="utf-8")
    fixed = [f"checkpoint={run_directory}", f"input={tmp_path / 'page.txt'}", f"output={tmp_path / 'out.jsonl'}"]
    predict(compose_settings("predict", PredictSettings, [*fixed, "inference.precision=fp32"]))
    assert "sitrep reads English" not in capsys.readouterr().err
