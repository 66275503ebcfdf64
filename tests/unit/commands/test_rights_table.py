"""The table of what a real cluster is asked with each role."""

from __future__ import annotations

from tests.cluster.rights_table import COMMANDS, ON_A_TERMINAL, OVER_ALL
from volsync_py.commands import table


def test_each_command_is_tried_with_the_rights_of_one_namespace() -> None:
    tried = [*(words for words, _, _ in COMMANDS), ON_A_TERMINAL, *OVER_ALL]
    assert {words.split()[0] for words in tried} == set(table.COMMANDS)
