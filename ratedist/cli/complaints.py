"""What the parser of options complains of, in one line and plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

# What the parser says of one value, and what it stands for.
QUOTED = r"(?P<got>['\"].*['\"])"
NO_NUMBER = tuple(
    re.compile(rf"Error parsing (?P<flag>.*): {reason}")
    for reason in (
        rf"could not convert string to (?P<kind>float): {QUOTED}",
        rf"invalid literal for (?P<kind>int)\(\) with base 10: {QUOTED}",
    )
)
NO_NUMBERS = re.compile(
    rf"Error parsing (?P<flag>.*): Could not find valid parse for arguments: \[{QUOTED}\]"
)
NO_PAIR = re.compile(
    r"Error parsing (?P<flag>.*): Could not parse arguments \[(?P<got>.*)\] into tuple type .*"
)
KINDS = {"float": "a number", "int": "an integer"}
NO_VALUE = re.compile(r"Missing value for argument '(?P<flag>[^']*)'\. Expected \d+ values\.")
NO_CHOICE = re.compile(
    r"invalid choice (?P<got>.*) for argument '(?P<flag>[^']*)'\. Expected one of \((?P<choices>.*)\)\."
)
NOT_GIVEN = re.compile(r"Missing from ratedist (?P<command>\S+): (?P<what>.*?)\.? \(required\)")
UNKNOWN = re.compile(r"Unrecognized (?:or misplaced )?options: (?P<words>.*)")
# What the papers and other tools call what an option is about.
OTHER_WORDS = {"beta": "diameter-penal", "k": "clusters"}
SUGGESTIONS, LIKENESS = 3, 0.7


def in_plain_words(box: str, arguments: Sequence[str], flags: Iterable[str]) -> str:
    """One line for the framed complaint ``box`` about ``arguments``.

    Args:
        box: what the parser wrote.
        arguments: as in ``sys.argv[1:]``; the first is the command.
        flags: all that the command has, with their hyphens.
    """
    sentence = _first_sentence(box)
    command = "" if arguments[0].startswith("-") else arguments[0]
    if found := UNKNOWN.fullmatch(sentence):
        sentence = _unknown(found["words"], command or "ratedist", arguments, sorted(flags))
    elif found := NO_NUMBERS.fullmatch(sentence):
        kind = "integers" if f"{found['flag']} [INT" in box else "numbers"
        sentence = f"{found['flag']} must be {kind} with spaces between them, got [{found['got']}]"
    elif found := NO_PAIR.fullmatch(sentence):
        sentence = f"{found['flag']} must be two numbers with a space between them, got [{found['got']}]"
    elif found := NO_VALUE.fullmatch(sentence):
        sentence = f"{found['flag']} must have a value behind it, got none"
    elif found := NO_CHOICE.fullmatch(sentence):
        # A word that no flag stands before has the name of a field.
        what = found["flag"].rpartition(".")[2]
        choices = found["choices"].rstrip(",").replace("'", "")
        sentence = f"{what} must be one of {choices}, got {found['got']}"
    elif found := NOT_GIVEN.fullmatch(sentence):
        sentence = f"{found['command']} needs: {found['what']}"
    for form in NO_NUMBER:
        if found := form.fullmatch(sentence):
            sentence = f"{found['flag']} must be {KINDS[found['kind'].lower()]}, got {found['got']}"
    return f"{sentence} (see {' '.join(['ratedist', command]).strip()} --help)"


def _first_sentence(box: str) -> str:
    """The message of a framed complaint, which spreads it over several lines, as one line."""
    message = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╮╰╯ ")
        if set(text) <= set("─-"):  # hyphens where the terminal knows no frames
            if message:
                break
            continue
        message.append(text)
    return " ".join(message)


def _unknown(words: str, command: str, arguments: Sequence[str], flags: Sequence[str]) -> str:
    known = {flag.lstrip("-") for flag in flags}
    for argument in arguments:
        flag, _, _ = argument.partition("=")
        name = flag.lstrip("-").replace("_", "-")
        if re.match(r"--?[A-Za-z]", flag) and name not in known:
            near = _near(name.lower(), flags)
            meant = f" (did you mean {' or '.join(near)}?)" if near else ""
            return f"{command} has no option {flag}{meant}"
    first = re.sub(r" \(applied to [^)]*\)", ",", words).split(", ")[0].strip(",")
    return f"{command} cannot place {first!r}, which stands behind no option that takes it"


def _near(name: str, flags: Sequence[str]) -> list[str]:
    """The flags that ``name``, without its hyphens, may have been meant for."""
    name = OTHER_WORDS.get(name, name)
    if len(name) == 1:
        return [flag for flag in flags if flag.startswith(f"--{name}")][:SUGGESTIONS]
    # What is in every word, such as --d, suggests nothing.
    long = [flag for flag in flags if len(flag) > 4]
    within = [flag for flag in long if name in flag or flag[2:] in name]
    return (within or difflib.get_close_matches(f"--{name}", long, cutoff=LIKENESS))[:SUGGESTIONS]
