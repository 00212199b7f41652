"""Where a character of a value stands in the YAML text that the value was read from."""

from __future__ import annotations

# What may be in the text before a character, and not in the value.
_ESCAPES = "\\'"
_INDENTS = " \t\r\n"


def find_last(value: str, text: str, start: int) -> int | None:
    """Return the index of the last character of a value, or of its beginning, if it is in the text.

    `start` is where the value starts in the text. There, line breaks may be folded, lines indented
    and characters escaped. An escape that stands for another character is not looked through.
    """
    index = last = _content(text, start)
    for character in value:
        skipped = _ESCAPES if character.isspace() else _ESCAPES + _INDENTS
        while index < len(text) and text[index] in skipped and text[index] != character:
            index += 1
        if index >= len(text):
            return None
        last = index
        if text[index] == character:
            index += 1
        elif character.isspace() and text[index].isspace():  # a folded line break
            while index < len(text) and text[index].isspace():
                index += 1
        else:
            return None
    return last


def _content(text: str, start: int) -> int:
    """Return where a value's characters start."""
    match text[start : start + 1]:
        case "|" | ">":  # its first line says how the others are taken
            return text.find("\n", start) + 1
        case '"' | "'":
            return start + 1
        case _:
            return start
