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
    "REST",
    "SENTENCE",
    "SEVERITY_AFTER",
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
_IS = r"(?:is|are|looks?|appears?|seems?)"
# What follows a word that is a fault on its own ("it is dark"), not before a noun ("a dark sky").
_ALONE = r"(?=\s*(?:[,.;:!?)]|$|\b(?:and|or|but|with|in|on|at|to|overall|too|as well)\b))"
_DEGREE = r"(?:too|overly|excessively|rather|quite|very|extremely|so)"

# The most telling phrases come first: of two that start at the same letter the first one wins.
_FAMILY_PATTERNS: tuple[tuple[str, str], ...] = (
    ("oversharpen", r"over[- ]?sharp\w*|(?:excessive|too much) sharp\w+|too sharp|sharpening"
                    r"(?: halos?| artifacts?)?|halo(?:s|es)?(?: artifacts?)?|edge halos?"),
    ("saturate strengthen",
     rf"saturat\w+ strengthen\w*|strengthened saturation|over[- ]?saturat\w*|{_STRONG} saturation|"
     r"saturation (?:increase|boost|enhancement)|"
     rf"saturation {_IS} (?:too |overly )?(?:high|strong)|"
     r"(?:too|overly|excessively) (?:vivid|saturated|colou?rful)|garish"),
    ("saturate weaken",
     rf"saturat\w+ weaken\w*|weakened saturation|(?:de|under)[- ]?saturat\w*|{_WEAK} saturation|"
     r"saturation (?:loss|reduction|decrease)|"
     rf"saturation {_IS} (?:too |very )?(?:low|weak|reduced)|"
     r"(?:faded|washed[- ]out|dull|pale|muted|bleached) colou?rs?|"
     rf"colou?rs? {_IS} (?:too )?(?:faded|washed[- ]out|dull|pale|muted)|"
     r"colou?rless|(?:loss|lack) of colou?rs?"),
    ("contrast strengthen",
     rf"contrast strengthen\w*|strengthened contrast|{_STRONG} contrast|over[- ]?contrast\w*|"
     r"contrast (?:increase|boost|enhancement)|"
     rf"contrast {_IS} (?:too |overly )?(?:high|strong|harsh)"),
    ("contrast weaken",
     rf"contrast weaken\w*|{_WEAK} (?:in )?contrast|contrast (?:loss|reduction|decrease)|"
     rf"contrast {_IS} (?:too |very )?(?:low|weak|reduced|poor)|washed[- ]out|haz(?:e|y|iness)\b|"
     r"fogg(?:y|iness)\b|\bfog\b|flat tones?"),
    ("brighten",
     r"brighten\w*|over[- ]?expos\w*|over-?bright\w*|(?:too|overly|very) bright|"
     r"blown[- ]out(?: highlights)?|(?:clipped|burnt|burned) highlights|"
     r"highlights are (?:blown|clipped)|increase in brightness|"
     rf"{_STRONG} (?:brightness|exposure)|brightness {_IS} (?:too |overly )?high|"
     rf"bright\b{_ALONE}"),
    ("darken",
     r"darken\w*|under[- ]?expos\w*|too dark|crushed (?:shadows|blacks)|"
     r"(?:shadows|blacks) are crushed|decrease in brightness|vignett\w*|"
     rf"{_WEAK} (?:brightness|exposure|lighting|light)\b|brightness {_IS} (?:too |very )?low|"
     rf"dark(?:ness)?\b{_ALONE}|dim\b{_ALONE}"),
    ("pixelate",
     r"pixel+at\w*|pixeli[sz]\w*|mosaic\w*|blocky pixels|(?:visible|large|coarse) pixels"),
    ("quantization",
     r"(?:colou?r |tonal )?quanti[sz]\w*|posteri[sz]\w*|(?:colou?r |tonal )?banding"),
    ("compression",
     r"(?:jpe?g|image|lossy|block)?[- ]?(?:2000 )?compress\w*(?: (?:artifact|artefact|damage)\w*)?|"
     r"jpe?g(?:[- ]?2000)?(?: (?:artifact|artefact|damage|block)\w*)?|"
     r"block(?:ing|y|iness)(?: (?:artifact|artefact)\w*)?|"
     r"(?:coding|codec) (?:artifact|artefact)\w*"),
    ("blur",
     r"(?:(?:motion|gaussian|lens|zoom|glass|camera|focus|defocus)[- ])?blur\w*|"
     r"(?:out of|missed|soft|poor|lack of|not in|lost|lacks) focus|de[- ]?focus\w*|unfocus\w*|"
     r"(?:lack of|lacks|loss of|poor|low|reduced) sharpness|(?:not|un)[- ]?sharp\b|fuzz\w+|"
     rf"smear\w*|softness|camera shake|(?:{_DEGREE}) soft\b|soft\b{_ALONE}"),
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

_SEVERITY_PATTERNS: tuple[tuple[str, str], ...] = (
    ("mild", r"not (?:too|very|so) (?:severe|strong|heavy)|mild(?:ly)?|slight(?:ly)?|light(?:ly)?|"
             r"minor|subtle|subtly|faint(?:ly)?|weak(?:ly)?|small|an? (?:bit|little|touch|hint)"
             r"(?: of)?|low[- ]level|low (?:level|degree|amount)s? of"),
    ("severe", r"severe(?:ly)?|strong(?:ly)?|heavy|heavily|serious(?:ly)?|extreme(?:ly)?|very|"
               r"intense(?:ly)?|significant(?:ly)?|major|massive(?:ly)?|badly|pronounced|"
               r"(?:a )?lots? of|high (?:level|degree|amount)s? of|considerabl[ey]|"
               r"excessive(?:ly)?"),
    ("moderate", r"moderate(?:ly)?|medium|noticeabl[ey]|fairly|somewhat|quite|rather"),
)  # fmt: skip


def _any(patterns: tuple[tuple[str, str], ...]) -> str:
    return "|".join(pattern for _, pattern in patterns)


_NAMED = "|".join(re.escape(word) for word in (*NOUNS.values(), *FAMILIES))
EVENT = re.compile(
    r"\b(?:(?P<ignored>not (?:only|just|merely)|nothing but|no doubt"
    r"|not (?:entirely )?free (?:of|from))"
    rf"|(?P<named>(?:{_NAMED})\b)"
    rf"|(?P<other>{_any(_OTHER_PATTERNS)})"
    rf"|(?P<family>{_any(_FAMILY_PATTERNS)})"
    rf"|(?P<severity>(?:{_any(_SEVERITY_PATTERNS)})\b)"
    r"|(?P<negation>(?:no|not|nor|neither|never|none|without|hardly any|barely any|little|lacks?"
    r"|absence of|free (?:of|from)|devoid of|nothing)\b)"
    r"|(?P<turn>(?:but|however|although|though|yet|except|apart from|aside from|besides|other than"
    r"|whereas|instead|only)\b)"
    r"|(?P<verb>(?:is|are|was|were|has|have|shows?|looks?|appears?|suffers?|exhibits?)\b))"
)
"""Everything the reader reacts to, by the name of the group that matched."""

SENTENCE = re.compile(r"[;!?\n]|\.(?!\d)")

_SEVERITY_WORD = rf"(?:{_any(_SEVERITY_PATTERNS)})\b"
EFFECT = re.compile(
    r"\s*,?\s*\b(?:which|so that|making|causing|leading to|giving|that (?:makes?|causes?|gives?))\b"
    r".*?(?=(?:,|\band\b|\bplus\b|\bas well as\b|\bfollowed by\b|\balong with\b)"
    rf"\s*(?:and |also |then |an? |some )*{_SEVERITY_WORD}"
    r"|,\s*(?:is|are|has|have|shows?|looks?|appears?|suffers?|exhibits?|displays?)\b|$)"
)
"""A clause about what a distortion does (or a thing is), up to the next item of the list, the
sentence's own verb or its end."""

NOT_SEEN = re.compile(
    r"[- ]free\b|\s*[(:=]\s*(?:none|no|absent)\b|"
    r"\s+(?:is|are|was|were|can)\s+(?:absent|invisible|negligible|(?:not|hardly|barely)\s+(?:be\s+)?"
    r"(?:visible|present|noticeable|apparent|seen|detected|evident|found|an issue|a problem))"
)
"""After a distortion: "... is not visible", "...: none", "...-free"."""

SEVERITY_AFTER = re.compile(
    rf"(?: (?:level|severity|strength|amount|degree))?\s*(?:\(|:|=|,?\s*{_IS}|\s-)\s*(?:of )?"
    rf"(?:an? )?(?P<severity>{_SEVERITY_WORD}|high\b|low\b)"
    r"(?!\s*(?:noise|blur|[a-z]+(?:ing|tion)\b))"
)
"""After a distortion: "... is severe", "...: mild", "... (moderate)", "... level is high"."""

_PHOTO = r"(?:image|photo|photograph|picture|scene|frame)"
WHOLE = re.compile(
    rf"(?<!not )\b(?:the )?(?:whole|entire|full|complete) (?:of the )?{_PHOTO}\b|"
    rf"\bwhole of the {_PHOTO}|\ball of the {_PHOTO}|"
    rf"\b{_PHOTO} as a whole\b|\ball over the {_PHOTO}\b|\b(?:throughout|across) the {_PHOTO}\b|"
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
ALL_WELL = re.compile(
    r"\bnothing\b|\bnone\b|\b[a-z]+-free\b|"
    r"\b(?:clean|pristine|undistorted|flawless|undamaged|unaffected)\b"
)


def family_of_phrase(phrase: str) -> str:
    """Family of a piece of text that EVENT's groups "named" or "family" matched."""
    for family in FAMILIES:
        if phrase in (family, NOUNS[family]):
            return family
    return _owner(phrase, _FAMILY_PATTERNS)


def other_of_phrase(phrase: str) -> str:
    """Plain name of a fault that EVENT's group "other" matched."""
    return _owner(phrase, _OTHER_PATTERNS)


def severity_of_phrase(phrase: str) -> str:
    """Severity of a piece of text that EVENT or SEVERITY_AFTER matched as one."""
    if phrase in ("high", "low"):  # only after "level is"; elsewhere they qualify other things
        return "severe" if phrase == "high" else "mild"
    return _owner(phrase, _SEVERITY_PATTERNS)


def _owner(phrase: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for name, pattern in patterns:
        if re.match(rf"(?:{pattern})$", phrase):
            return name
    raise ValueError(f"no pattern owns {phrase!r}")
