"""Every kind of step by its `use` name; third-party ones come through entry points."""

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import orjson

from tasks.decontamination import Decontaminate
from tasks.dedup.step import Dedup
from tasks.edits.columns import Columns
from tasks.edits.hostile import Hostile
from tasks.edits.normalise import Normalise
from tasks.edits.passages import Passages
from tasks.edits.redact import Redact
from tasks.edits.review import Review
from tasks.errors import usage
from tasks.filters.sieve import Filter
from tasks.gate import Expect
from tasks.growth.adversarial import Adversarial
from tasks.growth.answer import Answer
from tasks.growth.attributes import Attributes
from tasks.growth.backtranslate import Backtranslate
from tasks.growth.evol_instruct import EvolInstruct
from tasks.growth.fill import Fill
from tasks.growth.judge import Judge
from tasks.growth.persona import Persona
from tasks.growth.preference import Preference
from tasks.growth.restyle import Restyle
from tasks.growth.self_instruct import SelfInstruct
from tasks.growth.slots import Slots
from tasks.growth.verbalized import Verbalized
from tasks.pairs.forms import Forms
from tasks.pairs.noise import Noise
from tasks.pairs.scramble import Scramble
from tasks.pairs.template import Template
from tasks.pairs.transcode import Transcode
from tasks.published.sink import Write
from tasks.selection import Select
from tasks.sources.arxiv import Arxiv
from tasks.sources.files import Files, Seeds
from tasks.sources.gutenberg import Gutenberg
from tasks.sources.wikipedia import Wikipedia
from tasks.splits import Split
from tasks.step import Step

BUILT_IN: tuple[type[Step], ...] = (
    Gutenberg, Arxiv, Wikipedia, Files, Seeds,
    Normalise, Passages, Redact, Columns, Hostile, Review,
    Scramble, Noise, Template, Transcode, Forms,
    Filter,
    Fill, Backtranslate, Answer, Preference, Judge,
    SelfInstruct, EvolInstruct, Attributes, Persona, Restyle, Verbalized, Adversarial, Slots,
    Dedup, Decontaminate, Split, Select, Expect,
    Write,
)  # fmt: skip
GROUP = "dartboard.steps"


@functools.cache
def catalogue() -> Mapping[str, type[Step]]:
    """Give every step class by its `use` name; a third party's name must be new."""
    found = {use_of(step): step for step in BUILT_IN}
    for point in entry_points(group=GROUP):
        step = point.load()
        if not (isinstance(step, type) and issubclass(step, Step)) or use_of(step) in found:
            raise usage(f"entry point {point.name} of {GROUP} is no step with a name of its own", "Rename or remove it.", value=point.value)
        found[use_of(step)] = step
    return found


def use_of(step: type[Step]) -> str:
    """Give a step class's `use` name."""
    return str(step.model_fields["use"].default)


def step_of(plain: Mapping[str, Any]) -> Step:
    """Make a step again of its plain data."""
    return catalogue()[plain["use"]].model_validate_json(orjson.dumps(plain))
