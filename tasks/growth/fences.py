"""Fences around data in prompts."""

import json
import re

from tasks.store.keys import digest

FENCE = re.compile(r"DATA-[0-9a-f]{12}")


def fenced(value: object) -> str:
    """Write data for a prompt: as JSON inside a fence that its text cannot contain."""
    text = json.dumps(value, ensure_ascii=False)
    mark = f"DATA-{digest(text)[:12]}"
    return f"<{mark}>\n{text}\n</{mark}>"
