"""What the steps of one run tell each other."""

from __future__ import annotations

from typing import cast

import pytest

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Run
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.process import Restic
from volsync_py.pod.session import Session


@pytest.mark.parametrize("error_class", ErrorClass)
def test_damage_that_one_step_has_met_holds_for_those_after_it(error_class: ErrorClass) -> None:
    session = Session(cast(Restic, None), HumanLog(str), Run(), {}, "")
    session.failed("forget", error_class, "of the test")
    assert session.damaged is (error_class == ErrorClass.REPOSITORY_DAMAGED)
    session.failed("check", ErrorClass.UNREACHABLE, "of the test")
    assert session.damaged is (error_class == ErrorClass.REPOSITORY_DAMAGED)
