"""Words that decide whether a full stop ends a sentence.

All are in small letters and without their full stop. Compounds such as ``Lt.-Col.`` are looked up by their last part.
"""

import re

TITLES = frozenset(
    """
    1lt 2lt abp addl adj adm alh amb asst atty bp brig brigs bro capt card capts cdr cdre cfn cmdr cmdt cnel col
    cols comm commr comr const cpl cpls cpt dep det dir dr dra dras drs dy eng engr ens flt fr ft gen gens gnr gov
    govs gp gral grp gysgt hav hj hon inf ing insp jem kpt lcpl ldr lic lt ltc ltg ltn lts maj majs md messrs mgr
    min mlle mme mohd mr mrs ms mshl msgr msgt mt mts muhd nk ofc op pfc pres prof profs pt pte pvt radm rep reps
    rev rfn rt sec secy sen sens sfc sgm sgt sgts smt spc spr sqn sra srta ssg ssgt supdt supt tpr tsgt tte vadm ven
    wg
    """.split()
)
"""Before a name, where they begin with a capital: no sentence ends here."""

INNER = frozenset("a.k.a aka approx avg ca cf e.g eg i.e ie incl viz vs".split())
"""Before what they explain or measure: no sentence ends here."""

NUMBERED = frozenset(
    "art arts cal ch chap est ext fig figs ft hwy max min no nos nr p para paras pp pt res rs sec sect tel tk "
    "vol".split()
)
"""Before a number: no sentence ends between the two."""

MAY_END = frozenset(
    """
    al ala ariz assn assoc ave bde blvd bn bros bt btn calif co colo corp coy dept dist div esq fla govt inc intl jr
    kan ltd mich minn natl neb nev okla penn pty rd regt ret retd sr st sta ste tech tenn univ wis wyo
    """.split()
)
"""End a sentence only where the next word can hardly go on with it; initials and ``U.S.`` are treated alike."""

STATES = MAY_END | frozenset(
    "alta ark conn del ga ill ind ky la man mass md miss mo mont ont ore pa que sask tex va vt wash".split()
)
"""Behind a town and a comma the same: ``Olathe, Kan.``; without it some are other words."""

SHORT_MONTHS = frozenset("jan feb mar apr jun jul aug sep sept oct nov dec".split())
SHORT_DAYS = frozenset("mon tue tues wed thu thur thurs fri sat sun".split())

PARTICLE = re.compile(r"(?:al|el|an|ar|as|ash|at|az)-[A-Z]")
"""Begins a name, and a sentence, with a small letter."""

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b"
)
DATE = re.compile(rf"(?i:\d{{1,2}}\s{MONTH}|{MONTH}\.?\s\d|\d{{1,2}}[./]\d)")
"""A day of a month, either way round."""

AFTER_CLOCK = re.compile(
    rf"{DATE.pattern}|(?i:(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|(?:mon|tues?|wed|thurs?|fri|sat|sun)\.|(?:eastern|central|pacific|mountain)\s(?:time|standard|daylight))"
    r"|(?:GMT|UTC|[ECMP][SD]?T|BST|IST|CES?T|EES?T|MSK|EAT|WAT|CAT|AST|PKT|NPT)\b|[A-Z]\w+\stime\b"
)
"""What goes on after ``5 p.m.``: a day, or the time zone."""

FIRST_WORD = re.compile(r"(?i:the|he|she|it|they|we|his|her|its|their)\s")
"""Begins a sentence even where every word has a capital."""

SENTENCE_START = re.compile(
    r"(?i:an?|the|th(?:is|at|[eo]se|ey|en|ere)|he|she|it|we|you|i|his|her|its|their|our|my|some|many|most|several|few|both|"
    r"all|each|every|another|others?|no\sone|none|nobody|nothing|neither|either|one|two|three|four|five|six|seven|eight|"
    r"nine|ten|eleven|twelve|dozens|hundreds|thousands|at|on|in|by|after|before|since|until|when|while|where|as|if|"
    r"although|though|because|but|and|or|yet|here|now|later|earlier|meanwhile|however|still|also|instead|only|even|"
    r"about|around|over|under|during|between|among|according|asked|who|what|why|how|from|for|with|without|once|"
    r"today|yesterday|last|next|soon|nor|not)(?=[\s,]|['’])"
    r"|(?i:police|officials|authorities|witnesses|residents|doctors|medics|troops|soldiers|rebels|militants|gunmen|"
    r"fighters|rescuers|activists|villagers|survivors|analysts|critics|prosecutors|investigators|protesters|"
    r"relatives|civilians|families|children|people|hospitals|schools|shops|local|state)(?=\s[a-z0-9])"
)
"""Begins a sentence: a name or a title seldom goes on with it."""
