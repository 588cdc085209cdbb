"""English for distortions, severities and positions, as patterns over lower-case text."""

import re

from spider_cli.vocabulary import FAMILIES, NOUNS

__all__ = [
    "ALL_WELL",
    "DENIAL",
    "DENIED",
    "EFFECT",
    "EVENT",
    "NOT_SEEN",
    "OTHER_NAMES",
    "PRAISE",
    "PRAISED",
    "REST",
    "SENTENCE",
    "SEVERITY",
    "SEVERITY_AFTER",
    "WELL",
    "WHOLE",
    "family_of_phrase",
    "other_of_phrase",
    "severity_of_phrase",
]

_STRONG = (
    "(?:high|higher|increased|excessive|excess|too much|too high|too strong|overly high|harsh|"
)
_STRONG += "exaggerated|boosted|enhanced|strengthened|oversized)"
_WEAK = (
    "(?:low|lower|lowered|reduced|weak|weakened|poor|insufficient|lack of|lacks|lacking|loss of|"
)
_WEAK += "decreased|diminished|limited|flat|too little|not enough)"
# With the words of degree that may stand between: "shadows are slightly crushed".
_DEGREES = r"(?:(?:[a-z]+ly|a (?:bit|little|touch)|somewhat|quite|very|too|rather|so|fairly) ){0,2}"
_IS = r"(?:is|are|looks?|appears?|seems?|feels?|appears? to be|seems? to be)"
_IS_ = rf"(?: {_IS}| being|\s?:) {_DEGREES}"
# What follows a word that is a fault on its own ("it is dark"), not before a noun ("a dark sky").
_ALONE = r"(?=\s*(?:[,.;:!?)]|$|\b(?:and|or|but|with|in|on|at|to|overall|too|as well)\b))"
_DEGREE = r"(?:too|overly|excessively|rather|quite|very|extremely|so)"
_UNNATURALLY = r"(?:too|overly|excessively|unnaturally|artificially|unrealistically)"
_DULL = r"(?:faded|washed[- ]out|dull(?:ed)?|pale|muted|bleached|drab|lifeless|desaturated)"
_LIT = r"(?:light\w*|natural|warm|glow\w*|shadows?|tones?|hues?|pastel\w*|background|bokeh)"

# The most telling phrases come first: of two that start at the same letter the first one wins.
_FAMILY_PATTERNS: tuple[tuple[str, str], ...] = (
    ("compression", r"mosquito noise|macro-?block\w*"),
    ("oversharpen", r"over[- ]?sharp\w*|(?:excessive|too much) sharp\w+|sharpening"
                    r"(?: halos?| artifacts?)?|halo(?:s|es)?(?: artifacts?)?|edge halos?|"
                    rf"{_UNNATURALLY} (?:sharp|crisp)\w*|over[- ]?process\w*"),
    ("saturate strengthen",
     rf"saturat\w+ strengthen\w*|strengthened saturation|(?:over|hyper)[- ]?saturat\w*|"
     rf"{_STRONG} saturation|saturation (?:increase|boost|enhancement)|"
     rf"saturation{_IS_}(?:high|strong|excessive)|saturation (?:way |far |much )?too (?:high|"
     r"strong)|"
     rf"{_UNNATURALLY} (?:vivid|vibrant|saturated|intense|colou?rful)|garish|gaudy|lurid|"
     r"(?:very|highly|heavily|strongly|extremely) saturated"),
    ("saturate weaken",
     rf"saturat\w+ weaken\w*|weakened saturation|(?:de|under)[- ]?saturat\w*|{_WEAK} saturation|"
     r"saturation (?:loss|reduction|decrease)|"
     rf"saturation{_IS_}(?:low|weak|reduced|lacking)|"
     rf"{_DULL}(?:,? (?:and |or )?{_DULL})? colou?rs?|faded (?:look|appearance)|"
     rf"colou?rs?{_IS_}{_DULL}|"
     r"colou?rless|(?:loss|lack) of colou?rs?"),
    ("contrast strengthen",
     rf"contrast strengthen\w*|strengthened contrast|{_STRONG}[- ]contrast|over[- ]?contrast\w*|"
     r"contrast (?:increase|boost|enhancement)|contrasty|"
     rf"contrast{_IS_}(?:high|strong|harsh|excessive)"),
    ("contrast weaken",
     rf"contrast weaken\w*|{_WEAK}[- ](?:in )?contrast|contrast (?:loss|reduction|decrease)|"
     rf"contrast{_IS_}(?:low|weak|reduced|poor|flat|lacking)|washed[- ]out|haz(?:e|y|iness)\b|"
     r"fogg(?:y|iness)\b|\bfog\b|flat (?:tones?|look|appearance|image|lighting)|"
     rf"{_IS} {_DEGREES}flat\b{_ALONE}|milky (?:look|tones?|appearance|veil)"),
    ("brighten",
     r"brighten\w*|over[- ]?expos\w*|over-?bright\w*|(?:too|overly|very) bright|over-?lit\b|"
     r"(?:blown|burnt|burned)[- ]out(?: highlights)?|blown highlights|"
     r"(?:clipped|burnt|burned) (?:highlights|whites)|"
     rf"(?:highlights|whites|sky|skies|windows?){_IS_}(?:blown(?:[- ]out)?|clipped|burn(?:t|"
     r"ed) out)|"
     r"increase in brightness|skin (?:is|looks?|appears?) (?:bleached|blown[- ]out)|"
     rf"{_STRONG} (?:brightness|exposure)|brightness{_IS_}(?:high|excessive)|"
     rf"bright\b{_ALONE}"),
    ("darken",
     r"darken\w*|under[- ]?expos\w*|too dark|(?:crushed|muddy|blocked[- ]up) (?:shadows|blacks)|"
     rf"(?:shadows|blacks){_IS_}(?:crushed|muddy|blocked|clipped)|crushed to (?:pure )?black|"
     r"decrease in brightness|"
     rf"vignett\w*|{_WEAK} (?:brightness|exposure|lighting|light)\b|"
     rf"brightness{_IS_}low|under-?lit\b|(?:dimly|poorly)[- ]lit|murk\w+|"
     rf"dark(?:ness)?\b{_ALONE}|dark (?:image|photo|picture|shot)\b|dim\b{_ALONE}"),
    ("pixelate",
     r"pixel+at\w*|pixeli[sz]\w*|mosaic\w*|(?:blocky|jagged) pixels|(?:visible|large|"
     r"coarse) pixels|"
     r"jagged(?:,? blocky)?(?: edges| pixels| lines)?\b|jaggies"),
    ("quantization",
     r"(?:colou?r |tonal )?quanti[sz]\w*|posteri[sz]\w*|(?:colou?r |tonal )?banding|"
     r"bands of (?:[a-z]+ )?colou?rs?|false contours|(?:limited|reduced) colou?r (?:depth|"
     r"palette)"),
    ("compression",
     r"(?:(?:jpe?g|image|lossy|block)[- ]?)?(?:2000 )?compress\w*(?: (?:artifact|artefact|"
     r"damage)\w*)?|"
     r"jpe?g(?:[- ]?2000)?(?: (?:artifact|artefact|damage|block)\w*)?|"
     r"block(?:ing|y|iness)(?: (?:artifact|artefact)\w*)?|"
     r"(?:coding|codec|encoding) (?:artifact|artefact)\w*"),
    ("blur",
     r"(?:(?:motion|gaussian|lens|zoom|glass|camera|focus|defocus)[- ])?blur\w*|"
     r"out[- ]of[- ]focus|(?:missed|soft|poor|lack of|not in|lost|lacks|lacking) focus|"
     r"de[- ]?focus\w*|unfocus\w*|focus (?:is|was|looks) (?:slightly |a bit )?(?:off|missed|soft)|"
     r"(?:lack of|lacks|lacking|loss of|poor|low|reduced|less) sharpness|(?:lack of|lacks|"
     r"lacking|loss of|poor) (?:clarity|definition)|(?:not|un)[- ]?sharp\b|"
     r"not (?:very |quite |entirely |perfectly |particularly |really |especially )?(?:sharp|"
     r"crisp|clear|in focus)\b|less (?:sharp|crisp)\b|"
     rf"sharpness{_IS_}(?:low|poor|reduced|lacking|soft)|fuzz\w+|smear\w*|softness|"
     r"camera (?:shake|shook|movement)|soft(?:er)? (?:edges|details?|image|focus)|"
     rf"(?:{_DEGREE}) soft\b(?! {_LIT})|soft\b{_ALONE}(?!,? (?:and )?(?:[a-z]+ )?{_LIT})"),
    ("noise", r"(?:(?:gaussian|impulse|speckle|colou?r|chroma|luminance|iso|sensor|film)[- ])?"
              r"(?:nois\w*|grain\w*|speckl\w*)|salt[- ]and[- ]pepper(?: noise)?"),
)  # fmt: skip

_OTHER_PATTERNS: tuple[tuple[str, str], ...] = (
    ("lens flare", r"(?:lens )?flares?\b"),
    ("chromatic aberration",
     r"chromatic aberrations?|(?:colou?r|purple) fringing|(?:colou?r|purple) fringes"),
    ("moire", r"moir[eé](?: patterns?)?"),
    ("ghosting", r"ghosting|double image"),
    ("colour cast", r"colou?r casts?|(?:blue|green|yellow|magenta|red) (?:cast|tint)"),
    ("dust spots", r"dust(?: spots?)?\b"),
    ("scratches", r"scratch(?:es|ed)?\b"),
    ("watermark", r"watermarks?"),
    ("light leak", r"light leaks?"),
    ("red eye", r"red[- ]eyes?\b"),
    ("hot pixels", r"hot pixels?"),
    ("lens distortion", r"(?:barrel|pincushion|lens|perspective) distortion"),
    ("rolling shutter", r"rolling shutter"),
    ("ringing", r"ringing(?: artifacts?)?"),
)  # fmt: skip

OTHER_NAMES: tuple[str, ...] = tuple(name for name, _ in _OTHER_PATTERNS)
"""Plain names of faults of no family."""

_MORE = r"(?:very |quite |rather |fairly |relatively |pretty |extremely )?"
_STEM = (
    r"(?:nois|grain|blur|haz|compress|banding|pixel|vignet|halo|fog|artifact|soft|speckl|darken)"
)
_SEVERITY_PATTERNS: tuple[tuple[str, str], ...] = (
    ("mild", r"not (?:too |very |so |particularly |overly |that )?(?:severe|strong|heavy|"
     r"pronounced)|"
             rf"{_MORE}(?:mild(?:ly)?|slight(?:ly)?|lightly|minor|subtle|subtly|faint(?:ly)?|"
             r"weak(?:ly)?"
             r"|modest|trace amounts? of)|"
             rf"light(?=(?: [a-z]+){{0,2}} {_STEM}|$)|(?:very )?small|"
             r"an? (?:tiny |little |slight )?(?:bit|little|touch|hint|trace|tad|whisper|smidge|"
             r"dash)(?: of)?|"
             r"low[- ]level|low (?:level|degree|amount)s? of|(?:barely|hardly|just) (?:visible|"
             r"noticeable)"
             r"|might be|may be|maybe|perhaps|possibly"),
    ("severe", rf"{_MORE}(?:severe(?:ly)?|strong(?:ly|er|est)?|heavy|heavily|serious(?:ly)?|"
               r"extreme(?:ly)?|intense(?:ly)?|significant(?:ly)?|major|massive(?:ly)?|badly|"
               r"pronounced|dramatic(?:ally)?|considerabl[ey]|excessive(?:ly)?|prominent(?:ly)?)|"
               r"very|"
               r"much more|(?:quite )?(?:a )?lots? of|high (?:level|degree|amount)s? of|"
               r"(?:a )?(?:large|great) (?:amount|deal) of"),
    ("moderate", r"moderate(?:ly)?|medium|noticeabl[ey]|fairly|somewhat|quite|rather"),
)  # fmt: skip


def _any(patterns: tuple[tuple[str, str], ...]) -> str:
    return "|".join(pattern for _, pattern in patterns)


def _each(letter: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """The same with a group for each: f0, f1, ..."""
    return "|".join(f"(?P<{letter}{at}>{pattern})" for at, (_, pattern) in enumerate(patterns))


_NAMED = "|".join(re.escape(word) for word in (*NOUNS.values(), *FAMILIES))
_SEEN = (
    r"(?:visible|present|noticeable|apparent|seen|detected|evident|found|detectable|observed|"
    r"observable|significant|obvious|an? (?:issue|problem|concern|factor)|objectionable|"
    r"distracting|"
    r"applicable)"
)
_GOOD = (
    r"(?:good|clear(?:ly)?|sharp(?:ly)?|clean|well|high[- ]quality|nice(?:ly)?|detailed|natural|"
    r"crisp|"
    r"vivid|vibrant|pleasing|accurate(?:ly)?|large|bright(?:,| and) (?:vibrant|colou?rful|clear))"
)
EVENT = re.compile(
    r"\b(?:(?P<ignored>not (?:only|just|merely)|nothing but|no doubt|without (?:a |any )?doubt"
    r"|not (?:entirely )?free (?:of|from)|noise[- ]reduc\w+|de-?nois\w+|wood grain"
    r"|grain (?:silo|field|elevator)s?|noisy (?:and (?:crowded|busy)|street|crowd|city|market)"
    r"|pixelated (?:camouflage|pattern|print|font|art)\b"
    r"|grains? of (?:sand|rice|salt|wheat)|less (?:visible |noticeable )?(?:nois|grain|blur|"
    r"compress"
    r"|pixelat)\w*|reduc(?:e|es|ing) (?:the )?(?:noise|blur|grain)"
    rf"|(?:very|quite|fairly|rather|extremely|highly|pretty) {_GOOD}\b)"
    rf"|(?P<named>(?:{_NAMED})\b)"
    rf"|(?P<other>{_each('o', _OTHER_PATTERNS)})"
    rf"|(?P<family>{_each('f', _FAMILY_PATTERNS)})"
    rf"|(?P<severity>(?:{_each('s', _SEVERITY_PATTERNS)})\b)"
    r"|(?P<negation>(?:no|not|nor|neither|never|none|without|hardly any|barely any|little|lacks?"
    r"|absence of|free (?:of|from)|devoid of|nothing|minimal|negligible|zero|virtually no)\b)"
    r"|(?P<turn>(?:but|however|although|though|yet|except|apart from|aside from|besides|other than"
    r"|whereas|instead|only)\b)"
    r"|(?P<verb>(?:is|are|was|were|has|have|shows?|looks?|appears?|suffers?|exhibits?)\b))"
)
"""Everything the reader reacts to, by the name of the (outermost) group that matched."""

SENTENCE = re.compile(r"[;!?\n]|\.(?!\d)")

_SEVERITY_WORD = rf"(?:{_any(_SEVERITY_PATTERNS)})\b"
SEVERITY = re.compile(rf"\b{_SEVERITY_WORD}")
EFFECT = re.compile(
    r"\s*,?\s*\b(?:which|so that|making|causing|leading to|giving|that (?:makes?|causes?|gives?))\b"
    r".*?(?=(?:,|\band\b|\bplus\b|\bas well as\b|\bfollowed by\b|\balong with\b)"
    rf"\s*(?:and |also |then |an? |some )*{_SEVERITY_WORD}"
    r"|,\s*(?:is|are|has|have|shows?|looks?|appears?|suffers?|exhibits?|displays?)\b|$)"
)
"""A clause about what a distortion does (or a thing is), up to the next item of the list, the
sentence's own verb or its end."""

_LABEL = r"(?: (?:levels?|severity|artifacts?|degree))?"
NOT_SEEN = re.compile(
    r"[- ]free\b|"
    rf"{_LABEL}\s*(?:[(:=]|\s-|\bis|\bare)\s*(?:very|extremely|exceptionally) low\b|"
    rf"{_LABEL}\s*(?:[(:=]|\s-)\s*(?:none|no|absent|not? {_SEEN}|minimal|negligible|nil|zero|n/a|"
    r"fine|"
    r"not applicable|false|good|ok|okay|clean|0(?:\.0)?(?: ?%| ?/ ?\d+| (?:out )?of \d+)?(?![\d.])|"
    r"- ?(?=[,.]|$))(?![a-z])|"
    r"\)?\s+(?:both |all )?(?:is|are|was|were|can|do|does)\s+(?:both |all )?(?:kept )?"
    r"(?:absent|invisible|negligible|minimal|well[- ]controlled|under control|well[- ]managed|"
    rf"not\s+(?:be\s+|really |at all |readily |clearly |particularly )?(?:{_SEEN}|apply|occur|"
    r"appear))"
)
"""After a distortion: "... is not visible", "...: none", "...-free"."""

_GRADE = r"(?P<share>\d{1,3}(?:\.\d+)?)\s*(?:(?:/|of|out of)\s*(?P<top>10|100|[45])(?![\d.])|%)"
SEVERITY_AFTER = re.compile(
    rf"(?: (?:levels?|severity|strength|amount|degree|artifacts?))?\s*(?:\(|:|=|,?\s*{_IS}|\s-|"
    r",?\s+ranges? from [a-z]+[^,.;]{0,30}? to|"
    r",?\s+(?:but|and|though|although) (?:it is|it's|they are|this is|only)(?: only| just)?|"
    rf",?\s+(?:with|at|of|to)(?= an? {_SEVERITY_WORD} (?:degree|level|severity|extent|intensity)))"
    r"\s*(?:of )?"
    r"(?:severity: |level |rated |about |approx\. )?(?:(?:yes|present|visible)\b[ ,-]+)?"
    r"(?:(?:mild|slight|light|low|moderate)(?: to |-to-| or |/))?"
    rf"(?:an? )?(?:(?P<severity>{_SEVERITY_WORD}|high\b|low\b)|{_GRADE})"
    r"(?!\s*(?:noise|blur|[a-z]+(?:ing|tion)\b))|"
    rf"(?: (?:level|severity))*:?\s+{_GRADE.replace('share', 'share2').replace('top', 'top2')}|"
    r",\s*(?P<severity2>mild|slight|moderate|severe|strong|heavy)(?=\s*(?:[,.;)]|$))"
)
"""After a distortion: "... is severe", "...: mild", "... (moderate)", "... level is high",
"... 3/5". """

WELL = re.compile(
    r"\b(?:clean|smooth|sharp|crisp|clear|natural|accurate|adequate|excellent|good|fine|well|"
    r"balanced|pleasing|acceptable|correct|low noise|no|not|none|nothing|without|free)\b"
)
"""After "Noise:": what is said is no fault."""
PRAISED = re.compile(
    r"\b(?:beautiful\w*|pleasing|lovely|nice\w*|vibrant|airy|cheerful|sunny|well[- ]lit|moody|"
    r"dramatic|atmospher\w+|cosy|cozy|warm|natural|artistic|striking\w*|aesthetic\w*|"
    r"intentional\w*|"
    r"deliberate\w*|elegant|calm\w*|serene|romantic|night(?:time|fall)?|clear)\b"
)
"""Beside "bright", "dark", "soft" or "high contrast": a look, no fault."""

_PHOTO = r"(?:image|photo|photograph|picture|scene|frame)"
WHOLE = re.compile(
    rf"(?<!not )\b(?:the )?(?:whole|entire|full|complete) (?:of the )?{_PHOTO}\b|"
    rf"\bwhole of the {_PHOTO}|\ball of the {_PHOTO}|"
    rf"\b{_PHOTO} as a whole\b|\ball over the {_PHOTO}\b|\b(?:throughout|across) the {_PHOTO}\b|"
    rf"\b(?:all|every) (?:parts?|regions?|areas?) of the {_PHOTO}\b|"
    r"\bglobally\b|\beverywhere\b"
)
REST = re.compile(r"\b(?:rest|remainder|remaining|other (?:regions?|areas?|parts?)|elsewhere)\b")
DENIAL = re.compile(
    r"\b(?:no|not|without|free (?:of|from)|neither|nor|never|hardly any|barely any|lacks?)\b"
)
DENIED = re.compile(
    r"\b(?:distort\w*|degrad\w*|faults?|flaws?|defects?|artifacts?|artefacts?|problems?|issues?|"
    rf"damage\w*|regions?|areas?|{_NAMED}|{_any(_FAMILY_PATTERNS)}|{_any(_OTHER_PATTERNS)})"
)
"""What a denial must be about, for a sentence to say that nothing is wrong."""
_PRAISE = (
    rf"(?:(?:{_PHOTO}|quality|it)(?: quality| itself)? (?:is|looks|appears) "
    r"(?:(?:of |a |very |quite |generally |perfectly |well-exposed,? |visually )*)"
    r"(?:clear|sharp|clean|fine|good|excellent|great|high|perfect)\b|"
    r"\bwell[- ](?:lit|exposed)\b|\b(?:good|high|excellent|great) (?:technical |visual |image |"
    r"overall )?quality\b)"
)
ALL_WELL = re.compile(
    r"\bnothing\b|\bnone\b|\babsent\b|\b[a-z]+-free\b|"
    r"\b(?:clean|pristine|undistorted|flawless|undamaged|unaffected)\b"
)
"""Nothing is wrong."""
PRAISE = re.compile(rf"\b{_PRAISE}")
"""All of the photo is well."""


def family_of_phrase(phrase: str) -> str:
    """Family of a piece of text that EVENT's groups "named" or "family" matched."""
    for family in FAMILIES:
        if phrase in (family, NOUNS[family]):
            return family
    return _owner(phrase, "f", _FAMILY_PATTERNS)


def other_of_phrase(phrase: str) -> str:
    """Plain name of a fault that EVENT's group "other" matched."""
    return _owner(phrase, "o", _OTHER_PATTERNS)


def severity_of_phrase(phrase: str) -> str:
    """Severity of a piece of text that EVENT or SEVERITY_AFTER matched as one."""
    if phrase in ("high", "low"):  # only after "level is"; elsewhere they qualify other things
        return "severe" if phrase == "high" else "mild"
    return _owner(phrase, "s", _SEVERITY_PATTERNS)


def _owner(phrase: str, letter: str, patterns: tuple[tuple[str, str], ...]) -> str:
    match = EVENT.fullmatch(phrase)
    if match is not None:
        for at, (name, _) in enumerate(patterns):
            if match[f"{letter}{at}"] is not None:
                return name
    raise ValueError(f"no pattern owns {phrase!r}")
