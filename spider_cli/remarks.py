"""Sentences that name faults but say of none that it is there: refusals, advice, definitions, what
might have been; and looks that were meant so."""

import re

__all__ = ["statements"]

_IMAGE = r"(?:images?|photos?|photographs?|pictures?|attachments?|visuals?|file|links?|pixels)"
_REFUSAL = re.compile(
    r"\b(?:can not|could not|unable to|not able to|do not have the (?:ability|capability) to|"
    rf"not capable of)\s+(?:directly |actually |currently )?(?:see|seeing|view|viewing|access|open|"
    r"process|analy[sz]e|look at|display|load|receive|interpret)\s+"
    rf"(?:the |this |that |your |any |an )?(?:[a-z]+ )?{_IMAGE}(?! (?:clearly|well|detail|"
    r"because))|"
    rf"\bno {_IMAGE} (?:was|were|is|has been|have been) (?:provided|attached|uploaded|shared|"
    r"given)|"
    rf"\b(?:do not|did not|can not) (?:see|find|have) (?:an|any|the) {_IMAGE} "
    r"(?:attached|here|in|to|you|yet)|"
    rf"\b(?:please|could you|kindly) (?:please )?(?:upload|provide|share|attach|send|resend|"
    rf"re-?upload)\b.{{0,20}}\b{_IMAGE}|\bwithout (?:seeing|viewing|access to|"
    rf"being able to see) (?:the |an |any |your )?{_IMAGE}|"
    rf"\b{_IMAGE} (?:is|are) not (?:visible|available|accessible) to me\b|\bimage (?:failed|"
    r"did not) (?:to )?load"
)
_WORTH_A_LOOK = re.compile(
    r"\b(?:else|others?|remaining|without|to me|can not|could not|unable|not able|capab|provided|"
    r"attached|uploaded|please|whether|"
    r"difficult|hard to|impossible|improv|consider|recommend|suggest|would|could|should|may|might|"
    r"try|use|using|to (?:avoid|prevent|reduce|fix|correct|assess|evaluate|judge|minimi|remove)|"
    r"if|you|looked for|look for|check|terms of|refers?|means?|occurs?|happens?|bokeh|depth|"
    r"intentional|deliberate|artistic|creative|purpose|draw|isolat|emphas|separat|portrait|"
    r"beautiful|exposure|silky|pleasing|candidates?|categor|common|type|is a|is an|is the|"
    r"is random)"
)
"""No sentence without one of these is left out."""

_UNSURE = re.compile(
    r"\b(?:(?:say|tell|determine|know|judge|assess|see|sure|clear|of) (?:if|whether)|"
    r"(?:can not|could not|unable to|not able to) (?:determine|judge|assess|confirm|evaluate|"
    r"rule out|be sure))\b"
)
_ADVICE = re.compile(
    r"\bto (?:improve|fix|correct|enhance|remedy|avoid|prevent|reduce|minimi[sz]e|remove)\b|"
    r"\b(?:consider\b(?! it| this| the (?:image|photo))|recommend|i(?: would|'d)? suggest|"
    r"(?:could|would|might|may|can) (?:greatly |also |really )?(?:benefit|help|improve|enhance|fix|"
    r"have been|become|be (?:improved|enhanced|better|avoided|sharper|clearer))|"
    r"try (?:to|using|reduc|increas|lower|rais|a|an)|(?:be )?sure to|should (?:have|be (?:reduc|"
    r"increas|rais|lower|correct|improv|avoid))|"
    r"if (?:it|the (?:image|photo|picture|camera|shot)|there|one|you) (?:were|was|had|is|are|want|"
    r"need|would)|would (?:be|look|show|appear)\b)"
)
_PREAMBLE = re.compile(
    r"\b(?:(?:in|on) terms of|looked for|looking for|look for|check(?:ed|ing)? for|asked (?:about|"
    r"for|to)|evaluat\w+ (?:for|on)|judg\w+ (?:by|on)|candidates?|possible distortions|"
    r"(?:common|typical|known) (?:image )?(?:distortions|artifacts|faults)|categories are|"
    r"types of distortions?|distortions? (?:families|types))\b[^.:;]*"
)
_OTHERWISE = re.compile(
    r"^\W*(?:everything else|all else|(?:all )?(?:the )?(?:others|(?:other|remaining) (?:aspects|"
    r"categories|families|distortions|types)))\b.*\b(?:fine|good|ok|okay|not|no|none|absent|normal|"
    r"clean|acceptable|well)\b"
)
_DEFINITION = re.compile(
    r"^\W*(?:image |digital )?[a-z]+(?: artifacts?)? (?:refers? to|means|occurs? when|"
    r"happens? when|"
    r"is when|is defined as|is caused by|is (?:a|an|the) (?:type|kind|form|random|loss|result|"
    r"effect|"
    r"process|distortion|visual|unwanted)|is random|is unwanted)\b"
)
_PART = re.compile(
    r"((?:,|\band)? ?\b(?:but|however|although|though|yet|whereas|nevertheless|since|because|"
    r"given that)\b|: (?=[a-z]+ [a-z]))"
)
_MEANT = re.compile(
    r"\bbokeh\b|\bdepth[- ]of[- ]field\b|(?<!not )(?<!no )\b(?:intentional\w*|intended|"
    r"deliberate\w*|"
    r"artistic\w*|creative\w*|aesthetic\w*|on purpose|beautiful\w*)\b|"
    r"(?<!not )(?<!less )(?<!ally )\bpleasing|"
    r"\b(?:draw|bring|direct)\w* (?:the )?(?:viewer's )?(?:attention|eye|focus)\b|"
    r"\bisolat\w+ the\b|\bemphasi[sz]\w+ the\b|\bsubject (?:separation|isolation)\b|"
    r"\bportrait mode\b|\bsilky\b|\bsubject (?:itself )?(?:is|remains|stays) (?:tack |perfectly |"
    r"in )?"
    r"(?:sharp|crisp)\b"
)
_BLURRED = re.compile(
    r"\b(?:(?:softly|slightly|nicely|gently|smoothly|heavily|strongly|completely|beautifully) )?"
    r"(?:blur(?:red|ry|s|ring)?|out[- ]of[- ]focus|defocus\w*|soft(?:ness|ly)?|unsharp)\b"
)
_BACK = re.compile(r"\W*(?:that|this|it|which)\b")
_BACKGROUND = re.compile(
    r"\b(?:blurred|blurry|out-of-focus|defocused|softly blurred|soft) (?:\w+ )?"
    r"(?:background|backdrop|bokeh)\b"
)


def statements(text: str) -> str:
    """A text of lower-case sentences without those that state no fault.

    All of it goes where the answer is a refusal: what it then says is not about the photo.
    """
    if not _WORTH_A_LOOK.search(text) and "background" not in text and "backdrop" not in text:
        return text
    if _REFUSAL.search(text):
        return ""
    return re.sub(r"(?:[^.;!?\n]|\.(?=\d))+", _kept, text)


def _kept(match: "re.Match[str]") -> str:
    """One sentence, or what of it is kept."""
    sentence = match.group()
    if _BACKGROUND.search(sentence):
        sentence = _BACKGROUND.sub("background", sentence)
    if not _WORTH_A_LOOK.search(sentence):
        return sentence
    if _UNSURE.search(sentence) or _DEFINITION.match(sentence) or _OTHERWISE.match(sentence):
        return " "
    sentence = _PREAMBLE.sub(" ", sentence)
    if not (_ADVICE.search(sentence) or _MEANT.search(sentence)):
        return sentence
    parts = _PART.split(sentence)
    kept = ["" if _ADVICE.search(part) else part for part in parts[::2]]
    meant = [bool(_MEANT.search(part)) for part in kept]
    for index, part in enumerate(kept[1:]):  # "..., but that is intentional"
        meant[index] |= meant[index + 1] and bool(_BACK.match(part))
    kept = [_BLURRED.sub("", part) if so else part for part, so in zip(kept, meant, strict=True)]
    return "".join(one + joint for one, joint in zip(kept, [*parts[1::2], ""], strict=True))
