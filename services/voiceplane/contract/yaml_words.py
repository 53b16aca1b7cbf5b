"""Say in words what is wrong where YAML cannot be read: its parser speaks of tokens and block ends. Pure."""

import re

import yaml

_TOLD = (
    (r"found character '\\t'", "a tab stands where only spaces may: indent with spaces"),
    (r"found character '(.)' that cannot start", "text that begins with {0} must be in quotes"),
    (
        "mapping values are not allowed here",
        "a colon stands where none can: put text with a colon in quotes, or correct the indentation",
    ),
    ("could not find expected ':'", "a key without its colon, or a line that is indented too little"),
    ("but found '<block (?:mapping|sequence) start>'", "indented further than the lines it belongs to"),
    ("expected <block end>, but found '<scalar>'", "more text than its quotes hold: put all of it in one pair"),
    ("expected <block end>, but found '-'", "a list item that is indented unlike the others"),
    ("expected <block end>", "does not fit the lines before it: indentation, a quote or a bracket is wrong"),
    (
        r"expected ',' or '(.)', but got",
        "expected a comma or {0} by here: a bracket, a quote or a comma is missing",
    ),
    ("found undefined alias '(.*)'", "text that begins with * must be in quotes, or &{0} is missing"),
    ("found unknown escape character '(.*)'", r"in double quotes write \\ for \, or use single quotes"),
    ("found unexpected end of stream", "a quote is opened here and never closed"),
    ("expected alphabetic or numeric character", "text that begins with & or * must be in quotes"),
    (
        "expected the node content, but found '(.*)'",
        "expected a value here, not {0}: put text with such signs in quotes",
    ),
)


def explained(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Return the line of a mistake and what to do."""
    problem = error.problem or "not YAML"
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark
    if "unexpected end of stream" in problem and begun is not None:
        mark = begun
    words = problem
    for pattern, told in _TOLD:
        if found := re.search(pattern, problem):
            words = told.format(*found.groups()) if found.groups() else told
            break
    if begun is not None and mark is not None and begun.line != mark.line:
        words += f" (what it belongs to begins in line {begun.line + 1})"
    return (mark.line + 1 if mark is not None else 1), words
