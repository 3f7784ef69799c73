"""Every way to a site meets every fault of a site."""

import pytest

from tests.quality.faults import FAULTS, MENDED, UNSEEN, WAYS, outcome


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_on_the_way_is_mended_or_told(way: str, fault: str) -> None:
    found = outcome(way, fault)
    if (way, fault) in UNSEEN:
        assert found == "unseen", "it is seen now: take it off the list"
    else:
        assert found == "mended" if fault in MENDED else found in ("mended", "told")
