"""The same stops as in `test_crash`, on a real object store."""

from pathlib import Path

import pytest

from tests.services.s3 import S3
from tests.store.test_crash import check_every_point
from tests.texts import write_notes


@pytest.mark.heavy
def test_the_same_holds_on_an_object_store(tmp_path: Path, s3: S3) -> None:
    write_notes(tmp_path / "notes", 12, 4)
    check_every_point(s3.url("crash"))
