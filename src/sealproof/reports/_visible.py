"""Text made visible: what a reader sees is what the bytes say.

A name can hold terminal codes, line breaks, direction overrides and letters without width. Every
report for people passes each text through here, once, before it is escaped for its own format.

The list is written out, and not asked of `unicodedata`: that table changes with the interpreter, and
a page must be the same bytes under each.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "["
    "\u0000-\u001f\u007f-\u009f"  # control characters: line breaks and terminal codes are among them
    "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces that are not the space
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # fillers and joiners that draw nothing
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides and isolates
    "\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"  # no width
    "\u2028\u2029"  # line and paragraph separators
    "\ufe00-\ufe0f\ufff0-\ufffb\ufffe\uffff"  # variation selectors, annotations, noncharacters
    "\ud800-\udfff"  # lone surrogates
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # format controls, tags
    "]"
)


def visible(text: str) -> str:
    """Return `text` with every character that cannot be seen written as `[U+202E]`."""
    return _UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
