"""The store never goes back in time, whichever way an object comes."""

from __future__ import annotations

from typing import Any

import pytest

from volsync_py.kube.store import Store


def obj(version: int, name: str = "a", owner: str = "u1") -> dict[str, Any]:
    meta = {"namespace": "n", "name": name, "resourceVersion": str(version), "ownerReferences": [{"uid": owner}]}
    return {"metadata": meta}


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    store = Store()
    store.put(obj(5))
    assert store.put(obj(4)) == (False, obj(5))
    assert store.get("n", "a") == obj(5)


def test_an_answer_that_comes_after_the_end_of_its_object_does_not_revive_it() -> None:
    store = Store()
    store.put(obj(5))
    store.remove(obj(8))
    store.put(obj(7))
    assert store.list() == []


def test_what_we_deleted_is_not_revived_by_its_last_changes_and_a_new_one_is_taken() -> None:
    store, mine, other = Store(), obj(5), obj(9)
    mine["metadata"]["uid"], other["metadata"]["uid"] = "one", "two"
    store.put(mine)
    store.mark_deleted(mine)
    assert store.put({"metadata": {**mine["metadata"], "resourceVersion": "7"}}) == (False, None)
    assert store.list() == []
    store.put(other)
    assert store.list() == [other]


def test_what_lost_its_label_and_gets_it_back_is_taken_again() -> None:
    store, one = Store(), obj(5)
    one["metadata"]["uid"] = "one"
    store.put(one)
    store.remove(one)
    again = {"metadata": {**one["metadata"], "resourceVersion": "7"}}
    store.put(again)
    assert store.list() == [again]


def test_a_new_object_of_the_same_name_is_taken_after_the_end_of_the_old_one() -> None:
    store = Store()
    store.put(obj(5))
    store.remove(obj(8))
    store.put(obj(9))
    assert store.get("n", "a") == obj(9)


def test_a_list_keeps_what_was_written_after_it_was_made() -> None:
    store = Store()
    store.put(obj(5, "old"))
    store.put(obj(12, "new"))
    changes = store.replace([obj(9, "listed")], 10)
    assert [(o and o["metadata"]["name"], n and n["metadata"]["name"]) for o, n in changes] == [
        ("old", None),
        (None, "listed"),
    ]
    assert {o["metadata"]["name"] for o in store.list()} == {"new", "listed"}


def test_an_answer_that_is_older_than_the_last_list_does_not_revive_what_that_did_not_have() -> None:
    store = Store()
    store.replace([], 10)
    assert store.put(obj(7)) == (False, None)
    assert store.list() == []
    assert store.put(obj(11)) == (True, None)


def test_what_was_there_before_an_api_went_is_taken_again_when_it_is_back() -> None:
    store = Store()
    store.replace([obj(7)], 10)
    assert store.clear() == [(obj(7), None)]
    assert store.by_index("owner", "n/u1") == []
    assert store.put(obj(7)) == (True, None)


def test_a_deletion_of_ours_does_not_hit_another_object_of_the_same_name() -> None:
    store, mine, other = Store(), obj(5), obj(9)
    mine["metadata"]["uid"], other["metadata"]["uid"] = "one", "two"
    store.put(other)
    store.mark_deleted(mine)
    assert store.list() == [other]
    newer = {"metadata": {**other["metadata"], "resourceVersion": "12"}}
    assert store.put(newer) == (True, other)


def test_an_index_follows_its_objects() -> None:
    store = Store()
    store.put(obj(1))
    store.put(obj(2, owner="u2"))
    assert store.by_index("owner", "n/u1") == []
    assert store.by_index("owner", "n/u2") == [obj(2, owner="u2")]
    store.remove(obj(3))
    assert store.by_index("owner", "n/u2") == []


def test_an_object_that_no_indexer_can_digest_changes_nothing() -> None:
    store = Store({"size": lambda one: [str(len(one["spec"]))]})
    good, bad = {**obj(1), "spec": {}}, obj(2)
    store.put(good)
    with pytest.raises(KeyError):
        store.put(bad)
    assert store.by_index("size", "0") == [good]
    told: list[Exception] = []
    assert store.replace([bad, {**obj(3, "b"), "spec": {}}], 10, told.append) == [(None, {**obj(3, "b"), "spec": {}})]
    assert [type(error) for error in told] == [KeyError]
    assert store.by_index("owner", "n/u1") == [good, {**obj(3, "b"), "spec": {}}]


def test_what_is_told_again_is_not_digested_again() -> None:
    digested: list[str] = []

    def index(one: dict[str, Any]) -> list[str]:
        digested.append(one["metadata"]["resourceVersion"])
        return []

    store = Store({"seen": index})
    store.put(obj(1))
    store.put(obj(1))
    store.replace([obj(1)], 10)
    store.put(obj(11))
    assert digested == ["1", "11"]


def test_managed_fields_are_dropped() -> None:
    store = Store()
    given = obj(1)
    given["metadata"]["managedFields"] = [{}]
    store.put(given)
    assert store.get("n", "a") == obj(1)
