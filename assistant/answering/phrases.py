"""How sentences sound that speak to a machine, or that ask for words. Pure: patterns, and nothing of what follows.

None is taken from a list of attacks. They say whom a sentence speaks to (an assistant, a model), what about ("your
answer", "all previous instructions") and what it wants (something written, told, explained, spelled otherwise): best in
English, in a few words also in German, French, Spanish, Portuguese, Italian and Russian.

A line below is one alternative, indented lines go on with it, and a space is white space. A pattern is tried only where
a word begins with one of its four letters: most sentences have none, and a question reads a hundred of them.
"""

from __future__ import annotations

import re

_CONTINUED = re.compile(r"\n {4,}")


def _any(lines: str) -> str:
    joined = _CONTINUED.sub("", lines.strip())
    return "(?:" + "|".join(line.strip().replace(" ", r"\s+") for line in joined.splitlines()) + ")"


_BEGINS = r"(?:^|[.!?,:;>\"“(|*#-]\s*|\s(?=(?-i:[A-Z])))"
"""Where a sentence that orders something begins: also in the middle of another, where its capital gives it away."""
_POLITE = _any(r"""
please|kindly|now|also|then|and|so|next|first|finally|instead|always|only|just|simply|additionally|important|note|must
should|shall|bitte|you (?:must|should|shall|will|need to|have to|are to)|make sure (?:to|that you)|be sure to
remember to|do not forget to|i (?:want|need) you to|your (?:new )?task is to
""")
_FRONT = rf"{_BEGINS}(?:{_POLITE}[\s,:]+){{0,3}}"
_MACHINE = _any(r"""
a\.?i\.?
assistants?|chat ?bots?|(?:large )?language models?|llms?|ki|gpt|chatgpt
""")
_NO_REPLY = (
    r"(?! ?(?:time|rate|curve|level|signal|voltage|power|current|card|button|key|address|form|sheet|envelope|mode))"
)
_REPLY = rf"(?:reply|replies|responses?|answers?|completions?|final output|generated (?:text|output)){_NO_REPLY}"
_DONE_TO_A_REPLY = _any(r"""
add|append|attach|include|insert|begin|start|open|end|close|finish|conclude|preface|prefix|precede|modify|alter|change|adapt
adjust|enhance|enrich|extend|expand|supplement|write|give|provide|present|format|phrase|word|encode|encrypt|translate|render
replace|rewrite|rephrase|use|employ|make|keep|limit|tailor|embed|incorporate|integrate|mention|promote|put|place|state|hide
deliver|craft|compose|shape|style|turn|convert|garnish|sprinkle|spell|mix|ensure|remove|drop|omit|base|let|set|have
""")
_MARKS_OF_TEMPLATES = _any(r"""
<\|[^|<>\n]{1,40}\|>|<</?sys>>|</?s>|</?(?:start|end)_of_turn>|</?(?:system|assistant)>
\[/?(?:inst|system|sys|user|assistant)\]
^\W*\#{1,6} ?(?:instructions?|response|system|assistant|user|human)\s?:
^\W*(?:system|assistant|developer|ai)(?: (?:message|prompt|note|override|instructions?))?\s?:
""")
_ITS_READER_IS_A_MACHINE = _any(rf"""
\b(?:you are|you're|you will be|be|act as|pretend to be|behave (?:as|like)|respond as|answer as|speaking as)
    (?: now)? (?:an?|the|my|our) (?:[\w-]+ ){{0,3}}?{_MACHINE}\b(?!['’]s)
    (?=\s?(?:[.,;:!?]|$|and |that |who |which |you ))
\byou(?: are|'re| as)(?: now)? (?:(?:an?|the|my|our) )?(?:[\w-]+ ){{0,2}}?{_MACHINE}\b
^\W*as an? (?:\w+ )?(?:a\.?i\.?|assistant|chat ?bot|(?:language|ai) model|llm)\b,? (?:you|your|do|please|\w+ the)\b
^\W*(?:(?:hey|hi|hello|dear|attention|note|message|instructions?|important|all|any)[\s,:!]+(?:(?:to|for) )?
    (?:(?:the|all|any) )?){{1,3}}(?:[\w-]+ )?{_MACHINE}\s?[,:!–—]
^\W*(?:[\w-]+ ){{0,3}}(?:to|for) (?:(?:the|all|any|every) )?(?:[\w-]+ )?{_MACHINE}(?: \w+)?\s?[:!]
\b(?:any|every|all|whichever) (?:[\w-]+ )?{_MACHINE} (?:reading|processing|that (?:reads|processes)|who reads)\b
\b(?:pretend (?:that )?you(?: are|'re)|your (?:new )?(?:role|persona) is|enter \w+ mode and (?:answer|reply|ignore))\b
\b(?:system prompt|jailbreak)\b
\bfrom now on,? (?:you (?:are|will|must|only) )?(?:an?|only|always|answer|respond|reply|speak|act|write|say)\b
\bdu bist (?:(?:jetzt|nun|ab sofort) )?(?:eine? )?(?:[\w-]+ ){{0,2}}?(?:ki|assistent|chatbot|sprachmodell)\b
\bты (?:теперь )?(?:[\w-]+ )?(?:ассистент|чат-?бот|языковая модель)\b
""")
_WHAT_IT_WAS_TOLD = _any(r"""
\b(?:ignore|disregard|forget|override|bypass|overlook|neglect|discard|do(?: not|n't) (?:follow|obey|heed)|stop following
    |instead of following)\b[^.!?\n]{0,30}\b(?:previous|prior|earlier|preceding|foregoing|above|former|original|initial
    |system|your|all|any)\b[^.!?\n]{0,25}\b(?:instructions?|prompts?|directions?|guidelines?|rules?|directives?
    |commands?|orders?|context|messages?|training|programming)\b
\b(?:ignore|disregard|forget) (?:everything|anything|all(?: of)?|whatever)\b[^.!?\n]{0,20}
    \b(?:above|before|previous\w*|prior|else|said|told|written|know)\b
\b(?:ignore|disregard|forget|do(?: not|n't) answer) (?:(?:the|this|that) )?(?:user(?:['’]s)?|question|query|excerpts?)\b
\b(?:ignorier|missacht|vergiss|vergess|verwirf|überschreib)\w*\b[^.!?\n]{0,60}
    \b(?:anweisung|instruktion|vorgabe|befehl|regel|prompt|eingabe|anleitung)\w*
\b(?:ignore[sz]?|oublie[sz]?|ne suive?z? pas)\b[^.!?\n]{0,40}\b(?:instructions?|consignes?|directives?|règles?)\b
    [^.!?\n]{0,20}\b(?:précédentes?|antérieures?|ci-dessus|reçues)
\b(?:ignora|ignore|ignorar|olvida|olvide|esquece|esqueça|dimentica)\b[^.!?\n]{0,40}
    \b(?:instrucciones|indicaciones|órdenes|reglas|instruções|ordens|istruzioni)\b
""")
_WHAT_IT_WAS_TOLD_IN_RUSSIAN = _any(r"""
\b(?:игнорируй|проигнорируй|забудь|не следуй)\w*\b[^.!?\n]{0,60}\b(?:инструкци|указани|правил|команд)\w*
""")
_ITS_ANSWER = _any(rf"""
{_FRONT}{_DONE_TO_A_REPLY}\b[^\n]{{0,200}}\byour (?:[\w-]+ ){{0,2}}?(?:{_REPLY}|output(?=\s*[.,!?;:]|$))
{_FRONT}{_DONE_TO_A_REPLY}\b[^\n]{{0,200}}\b(?:each|every|all|any) (?:[\w-]+ )?(?:reply|replies|responses?|answers?)\b
\b(?:in|into|to|of|with|at|throughout) your (?:[\w-]+ )?(?:(?:next|final) )?{_REPLY}\b
    (?=[^\n]*\b(?:must|should|always|never|only)\b)
\byour (?:[\w-]+ )?{_REPLY} (?:must|should|shall|has to|needs to|will) (?:\w+ )?(?:start|begin|end|contain|include
    |mention|consist|say|read|rhyme|be (?:in|written|formatted|encoded|encrypted|translated|followed|preceded))\b
\bwhen(?:ever)? (?:asked|answering|responding|replying|an? user asks|the user asks|you (?:answer|respond|reply))\b[^\n]*
    \b(?:say|reply|respond|answer|tell|state|output|claim|recommend|include|add|mention|always|instead)\b
\b(?:deine|deiner|ihre|ihrer) antwort\b[^\n]*\b(?:muss|soll|immer|nur)
^\W*(?:bitte )?(?:füge?n?|schreib\w*|beginn\w*|beende\w*|änder\w*|ergänz\w*|gib)\b[^\n]{{0,120}}
    \b(?:deine|deiner|ihrer|ihre) antwort
\b(?:tu|votre|su|tua|sua) (?:réponse|respuesta|resposta|risposta)\b[^\n]*\b(?:doit|debe|deve)\b
\b(?:ajoute[rz]?|añade|agrega|incluye|adiciona|aggiungi)\b[^\n]{{0,120}}
    \b(?:ta|votre|tu|su|tua|sua|vostra) (?:réponse|respuesta|resposta|risposta)\b
""")
MARKS = re.compile(
    r"(?:<\|[^|<>\n]{1,40}\|>|<</?sys>>|</?s>|\[/?inst\]|</?(?:start|end)_of_turn>)"
    r"\s*(?:(?:system|user|assistant|model|tool)\b:?)?\s*",
    re.IGNORECASE,
)
"""What only templates of chats are written with."""
TO_A_MACHINE = tuple(
    (frozenset(hints.split()), re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for hints, pattern in (
        ("im inst sys syst star end s assi user huma deve ai resp begi eot endo", _MARKS_OF_TEMPLATES),
        ("assi ai a chat bot lang llm llms ki gpt pret role pers mode syst jail from ассис чат язык",
         _ITS_READER_IS_A_MACHINE),
        ("igno disr forg over bypa negl disc foll obey heed answ verg verw miss über oubl suiv olvi esqu dime",
         _WHAT_IT_WAS_TOLD),
        ("игно прои забу след", _WHAT_IT_WAS_TOLD_IN_RUSSIAN),
        ("repl resp answ comp outp gene aske asks when antw répo risp", _ITS_ANSWER),
    )
)  # fmt: skip
"""Beginnings of words, and how a sentence, heading or row with one of them sounds that speaks to a machine."""

_TEXTS = _any(r"""
overview|explanation|summary|translation|tutorial|recipe|poem|story|stories|essay|joke|song|lyrics|haiku|slogan|headline
speech|tweet|script|article|paragraph|dialogue|riddle|quiz|letter to|advice|tips|opinion|analysis|comparison
(?:python|java|javascript|c\+\+|sql|html|php|bash) \w+
""")
_VERBAL = _any(r"""
write(?! (?:down|off))|compose|draft|explain|describe|discuss|summari[sz]e|translate|tell|narrate|recite|sing|rewrite
rephrase|paraphrase|recommend|suggest|teach|elaborate|respond|reply|answer|brainstorm|advertise|promote|encourage|persuade|praise
say (?:that|only|exactly|nothing)|claim|pretend|imagine|repeat after|break down|walk (?:me|us)|help me|give (?:me|us)
(?:show|provide|teach) (?:me|us)|talk about|speak|express|urge|invite|remind
""")
_SPELLED = _any(rf"""
encode|encrypt|decode|scramble|misspell|capitali[sz]e
(?:give|provide|offer|present|create|generate|make|prepare|craft|produce|develop|design|code|build|invent|include|share)
    \b[^.!?\n]{{0,60}}\b{_TEXTS}
[a-z]+\b[^.!?\n]{{0,40}}\b(?:vowels?|consonants?|anagrams?|homophones?|misspell\w*|emojis?|rhymes?|ciphers?|morse|base64
    |(?:every|each) (?:\w+ )?(?:letter|word|sentence)|(?:letters?|words?) of each)
""")
_OBJECT = (
    r"(?=(?: \w+)? (?:an?|the|me|us|how|why|what|about|every|each|your|this|these|following|in|some|for)\b)".replace(
        " ", r"\s+"
    )
)
_ELSEWHERE = _any(r"""
^\W*(?:bitte )?(?:schreib|erklär|übersetz|beschreib|erzähl|écris|écrivez|explique|traduis|traduisez|escribe|traduce
    |explica|describe|escreva|traduza|scrivi|traduci|spiega|напиши|переведи|объясни|расскажи)\w*\b
""")
WANTS_WORDS = re.compile(
    rf"(?:^|[.!?:;>\"“(|*#]\s+)(?:{_POLITE}[\s,:]+){{0,3}}(?:{_VERBAL}|{_SPELLED})\b|"
    rf"\s(?=(?-i:[A-Z]))(?:{_VERBAL}\b{_OBJECT}|{_SPELLED}\b)|"
    rf"\b(?:can|could|would|will)\s+you\b|\bi\s+(?:want|need|would like)\s+you\s+to\b|{_ELSEWHERE}",
    re.IGNORECASE,
)
"""An order to write, tell, explain or spell something."""
WANTING = frozenset(
    """
    writ comp draf expl desc disc summ tran tell narr reci sing rewr reph para reco sugg teac elab resp repl answ
    brai adve prom enco pers prai say clai pret imag repe brea walk help give show prov talk spea expr urge invi
    remi encr deco scra miss capi offe pres crea gene make prep craf prod deve desi code buil inve incl shar vowe
    cons anag homo emoj rhym ciph mors base ever each you schr erkl über besc erzä écri tradu trad escr scri spie
    напи пере объя расс
    """.split()
)
"""Beginnings of words without which nothing of the kind is ordered."""
ASKS = re.compile(r"\?[\"'”’»)\]]*\s*$")
"""A question."""
GOES_ON = re.compile(
    r"^\W*"
    + _any(rf"""
{_VERBAL}|{_SPELLED}
say|state|tell|give|add|include|insert|mention|output|print|use|end|begin|do not|don't|never|always|instead|then|link
visit|click|send|reveal|also|and|this|it|for example
""")
    + r"\b|^\W*[\"“]",
    re.IGNORECASE,
)  # fmt: skip
"""How a sentence begins that goes on with the order before it."""
