"""A text of TOML as its tables, or what is wrong with it: the line and column, and what is meant most often there."""

import re
import tomllib
from typing import Any

from views_sql.declaration.fault import Fault

WHOLE_FILE = "file"  # The path of a fault that concerns no single place.
ONE_LINE = "a table in braces stands on one line; for more lines write [view.NAME.measures]"
# What the parser says, the text at the place that it names, and what is said here.
SENTENCES = (
    (r"Invalid initial character for a key part", r"\r?\n|#", ONE_LINE),
    (r"Invalid initial character for a key part", r"\}", "no comma may stand before the closing brace"),
    (r"Unclosed inline table", r"\s|#|\Z", ONE_LINE),
    (r"Invalid value", r".+", "a value is expected here; text stands in quotes, true and false in lower case"),
    (r"Expected newline or end of document", r"", "the value ends before this; is a quote missing, or one too many?"),
    (r"Cannot declare \((.*?),?\) twice", r"", "the table [{0}] is declared a second time"),
    (r"Cannot overwrite a value", r"", "a name is given a second time in its table"),
)


def parsed(text: str, file: str) -> dict[str, Any] | Fault:
    """Return what a text of TOML says, or what is wrong with it and where."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        return Fault(file, WHOLE_FILE, "tables or lists are nested too deeply")
    except tomllib.TOMLDecodeError as error:
        return _fault(str(error), text, file)
    except ValueError:  # Python converts no number of more than 4,300 digits.
        return Fault(file, WHOLE_FILE, "a number has too many digits")


def _fault(message: str, text: str, file: str) -> Fault:
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found is None:
        where, rest = f"line {text.count(chr(10)) + 1}, the end of the file", ""
    else:
        line, column = int(found[1]), int(found[2])
        where = f"line {line}, column {column}"
        rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
    return Fault(file, where, f"this is not TOML: {_sentence(message.rpartition(' (at ')[0] or message, rest)}")


def _sentence(message: str, rest: str) -> str:
    """Return the sentence about a message of the parser.

    :param rest: the text from the place on that the message names.
    """
    for pattern, ahead, sentence in SENTENCES:
        if (found := re.match(pattern, message)) and re.match(ahead, rest):
            return sentence.format(*(part.replace("'", "").replace(", ", ".")[:100] for part in found.groups()))
    return message[:1].lower() + message[1:200]
