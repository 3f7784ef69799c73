"""`expect`: a suite of expectations that the rows must meet before anything is published."""

from typing import ClassVar, Literal

from pydantic import Field

from tasks.step import Family, Step

BUILT_IN = ("pairs", "documents")


class Expect(Step):
    """Check the rows with a suite of Great Expectations; a failed critical one stops the build.

    `suite` is `pairs` or `documents`, which come with Dartboard, or a YAML file of your own:
    a list `expectations` of {type, kwargs, severity}, with severity `critical` (the default),
    `warning` or `info`. All but critical failures are reported and let pass.

    ```yaml
    steps:
      notes: {use: files, path: "notes/*.txt"}
      checked: {use: expect, suite: documents}
      dataset: {use: write}
    ```
    """

    family: ClassVar[Family] = "gate"

    use: Literal["expect"] = "expect"
    suite: str = Field(min_length=1)
    """A built-in's name, or a file relative to the recipe."""

    def input_files(self) -> dict[str, str]:
        """The suite, where it is a file."""
        return {} if self.suite in BUILT_IN else {"suite": self.suite}
