"""What the recognizer is told was said before, so that it expects more of the same. Read by call.site. Pure."""

# Of 120 six-digit numbers in four voices over G.711, read in groups: 94 right with a glossary, 101 with this; over a
# line of 200 to 3,600 Hz 121 of 160 without it, 148 with it. A recognizer that writes figures runs them together.
DIGITS = "It is nine two eight, three three zero, one five. It is six four seven seven."


def said_before(terms: tuple[str, ...], *, digits: bool) -> str:
    """Return the text before: digits where a number is awaited, else the agent's own words as a bare list.

    Of 80 names in four voices over G.711: 6 right without hints, 46 with a list, 52 with "Glossary: ...", which in turn
    lost the last word of one plain question in 7 of 66 decodes where the list lost none.
    """
    return DIGITS if digits else ", ".join(terms)
