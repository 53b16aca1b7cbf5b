"""Where a reply may be cut for the ear. Read by voice.py."""

import re

_ABBREVIATIONS = r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bvs\.)"
_PHRASE_END = re.compile(_ABBREVIATIONS + r"(?<=[.!?;:])\s+|(?<=,)\s+(?=\S+\s+\S+\s+\S+)")


def split_phrases(text):
    """Split at ends of sentences and clauses, so that the first sound does not wait for the last word."""
    phrases = [phrase for phrase in _PHRASE_END.split(text.strip()) if phrase and any(map(str.isalnum, phrase))]
    return phrases or ([text] if any(map(str.isalnum, text)) else [])
