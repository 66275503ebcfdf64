"""Two managers and one Lease: one leads, and it stops before the other may begin."""

from __future__ import annotations

import threading
import time as real_time
from pathlib import Path

import pytest

from tests.integration.kube.leases import Gate, Leases, Time, elector, in_thread, kept, real
from tests.integration.kube.peer import Asked, Say, peer, status
from volsync_py.kube.election import LeaderElector, boot_seconds


def test_the_second_waits_and_takes_over_only_when_the_first_was_silent_for_the_whole_lease(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    seen: list[str] = []
    with peer(leases) as server:
        first = elector(server.client(tmp_path), "first", time)
        second = elector(server.client(tmp_path), "second", time, on_new_leader=seen.append)
        assert first.try_once()
        assert not second.try_once()
        time.now += 14.9
        assert not second.try_once()
        # Renewed: the time begins anew, whatever the clock of the first one says.
        assert first.try_once()
        assert not second.try_once()
        time.now += 14.9
        assert not second.try_once()
        time.now += 0.2
        assert second.try_once()
        assert not first.try_once()
        assert seen == ["first"]
        assert leases.lease is not None
        assert leases.lease["spec"]["holderIdentity"] == "second"
        assert leases.lease["spec"]["leaseTransitions"] == 1


def test_a_lease_that_is_given_up_is_taken_at_once(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    with peer(leases) as server:
        first = elector(server.client(tmp_path), "first", time)
        second = elector(server.client(tmp_path), "second", time)
        assert first.try_once()
        assert not second.try_once()
        first.release()
        assert second.try_once()


def test_of_two_that_find_no_lease_one_wins(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    with peer(leases) as server:
        both = [elector(server.client(tmp_path), name, time) for name in ("first", "second")]
        assert [one.try_once() for one in both] == [True, False]


def test_who_cannot_renew_gives_up_before_the_lease_runs_out(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    told: list[str] = []
    with peer(leases) as server:
        one = LeaderElector(
            server.client(tmp_path),
            namespace="ns",
            name="lease",
            identity="one",
            lease_seconds=3.0,
            renew_deadline_seconds=0.6,
            retry_seconds=0.1,
            on_error=told.append,
        )
        assert one.acquire()
        one.keep(lost.set)
        server.wait_for(5)
        assert not lost.is_set()
        # The API server accepts and never answers: the renewing thread hangs, the deadline does not.
        leases.fails = Say(hold=True)
        assert lost.wait(2.9)
        leases.fails = None
        one.release()


def test_one_renewal_that_hangs_among_healthy_ones_loses_nothing(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    with peer(leases) as server:
        one = real(server.client(tmp_path), lease_seconds=5, renew_deadline_seconds=3, retry_seconds=0.75)
        assert one.acquire()
        one.keep(lost.set)
        gate = Gate(lambda asked: True)
        leases.before = gate
        assert gate.reached.wait(20)
        held = len(server.asked)
        server.wait_for(held + 2)
        assert server.asked[held].when - server.asked[held - 1].when < 1.5
        assert not lost.is_set()
        assert leases.holder == "one"
        one.stop()
        gate.open.set()


@pytest.mark.parametrize(("seconds", "published"), [(1.5, 2), (2.0, 2), (0.9, 1)])
def test_a_lease_is_published_in_whole_seconds_and_never_shorter_than_it_is_kept(
    tmp_path: Path, seconds: float, published: int
) -> None:
    leases = Leases()
    with peer(leases) as server:
        one = real(server.client(tmp_path), lease_seconds=seconds, renew_deadline_seconds=0.8)
        assert one.try_once()
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseDurationSeconds"] == published


@pytest.mark.parametrize("times", [(10, 10, 2), (15, 2, 2), (15, 10, 0), (1, 2, 0.1)])
def test_times_that_would_let_two_lead_are_refused(tmp_path: Path, times: tuple[float, float, float]) -> None:
    lease, deadline, retry = times
    with peer(Leases()) as server, pytest.raises(ValueError, match="longer"):
        real(server.client(tmp_path), lease_seconds=lease, renew_deadline_seconds=deadline, retry_seconds=retry)


def test_who_slept_over_the_deadline_knows_it_before_the_next_renewal_is_due(tmp_path: Path) -> None:
    leases, time, lost = Leases(), Time(), threading.Event()
    with peer(leases) as server:
        one = elector(
            server.client(tmp_path), "one", time, lease_seconds=90, renew_deadline_seconds=60, retry_seconds=50
        )
        assert one.acquire()
        one.keep(lost.set)
        asked = len(server.asked)
        time.now += 61
        assert lost.wait(20)
        assert len(server.asked) == asked
        one.stop()


def test_who_sees_another_holder_has_lost_and_asks_no_more(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    with peer(leases) as server:
        one = real(server.client(tmp_path))
        assert one.acquire()
        assert leases.lease is not None
        spec = {**leases.lease["spec"], "holderIdentity": "other", "renewTime": "2026-01-01T00:00:00.000000Z"}
        leases.lease = {"metadata": {**leases.lease["metadata"], "resourceVersion": "99"}, "spec": spec}
        asked = len(server.asked)
        one.keep(lost.set)
        assert lost.wait(20)
        assert [a.method for a in server.asked[asked:]] == ["GET"]
        one.stop()
    assert leases.holder == "other"


def test_who_was_stopped_has_not_lost_whoever_has_the_lease_by_then(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    with peer(leases) as server:
        one = real(server.client(tmp_path))
        assert one.acquire()
        gate = Gate(lambda asked: True)
        leases.before = gate
        renewing = kept(one, lost.set)
        assert gate.reached.wait(20)
        one.stop()
        assert leases.lease is not None
        leases.lease["spec"]["holderIdentity"] = "other"
        gate.open.set()
        renewing.join(20)
        assert not renewing.is_alive()
        assert not lost.is_set()


def test_waiting_for_the_lease_ends_at_once_though_a_request_hangs(tmp_path: Path) -> None:
    leases = Leases(fails=Say(hold=True))
    won: list[bool] = []
    with peer(leases) as server:
        one = real(server.client(tmp_path), lease_seconds=90, renew_deadline_seconds=80)
        waiting = in_thread(lambda: won.append(one.acquire()))
        server.wait_for(1)
        one.stop()
        waiting.join(10)
        assert won == [False]
        assert len(server.asked) == 1


def test_stopping_sends_nothing_and_releasing_gives_back(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    with peer(leases) as server:
        one = real(server.client(tmp_path))
        assert one.acquire()
        one.keep(lost.set)
        asked = len(server.asked)
        server.wait_for(asked + 4)
        one.stop()
        assert leases.holder == "one"
        one.release()
        assert leases.holder == ""
        asked = len(server.asked)
        one.release()
        # It looks, and leaves what is not ours alone.
        assert [a.method for a in server.asked[asked:]] == ["GET"]
        assert not lost.is_set()


def test_what_is_taken_in_the_moment_of_the_end_is_given_back(tmp_path: Path) -> None:
    gate = Gate(lambda asked: asked.method == "POST")
    leases = Leases(before=gate)
    with peer(leases) as server:
        one = real(server.client(tmp_path), last_request_seconds=20)
        waiting = in_thread(one.acquire)
        assert gate.reached.wait(20)
        releasing = in_thread(one.release)
        # Waiting ends because the release has begun; that in its turn waits for the answer.
        waiting.join(20)
        releasing.join(0.2)
        assert releasing.is_alive()
        gate.open.set()
        releasing.join(20)
        assert not releasing.is_alive()
        assert [a.method for a in server.asked] == ["GET", "POST", "GET", "PATCH"]
    assert leases.holder == ""


def test_a_renewal_whose_answer_comes_after_the_end_takes_nothing_back(tmp_path: Path) -> None:
    leases = Leases()
    with peer(leases) as server:
        one = real(server.client(tmp_path), last_request_seconds=0.01)
        assert one.acquire()
        gate = Gate(lambda asked: True)
        leases.before = gate
        renewing = kept(one)
        assert gate.reached.wait(20)
        one.release()
        assert leases.holder == ""
        asked = len(server.asked)
        gate.open.set()
        renewing.join(20)
        assert not renewing.is_alive()
        assert len(server.asked) == asked
    assert leases.holder == ""


def test_a_renewal_that_comes_between_reading_and_giving_back_is_given_back_too(tmp_path: Path) -> None:
    leases = Leases()
    renewal = Gate(lambda asked: asked.method == "PATCH")
    renewed = threading.Event()

    def before(asked: Asked) -> None:
        renewal(asked)
        if asked.method == "PATCH" and asked.body["spec"]["holderIdentity"] == "" and not renewed.is_set():
            # Once only: the renewal that hangs is carried out before this.
            version = leases.version
            renewed.set()
            renewal.open.set()
            with leases.news:
                assert leases.news.wait_for(lambda: leases.version > version, 20)

    with peer(leases) as server:
        one = real(server.client(tmp_path), last_request_seconds=0.01)
        assert one.acquire()
        leases.before = before
        one.keep(lambda: None)
        assert renewal.reached.wait(20)
        one.release()
        assert [a.method for a in server.asked[-4:]] == ["GET", "PATCH", "GET", "PATCH"]
    assert leases.holder == ""


def test_giving_back_to_a_server_that_hangs_takes_no_longer_than_its_time(tmp_path: Path) -> None:
    leases = Leases()
    with peer(leases) as server:
        one = real(server.client(tmp_path), lease_seconds=90, renew_deadline_seconds=80)
        assert one.acquire()
        leases.fails = Say(hold=True)
        asked = len(server.asked)
        releasing = in_thread(one.release)
        releasing.join(10)
        assert not releasing.is_alive()
        assert len(server.asked) == asked + 1


def test_errors_are_told_once_not_at_every_try(tmp_path: Path) -> None:
    leases = Leases(fails=Say(status(403, "Forbidden"), 403))
    told: list[str] = []
    with peer(leases) as server:
        one = elector(server.client(tmp_path), "one", Time(), on_error=told.append)
        assert [one.try_once() for _ in range(5)] == [False] * 5
        assert len(told) == 1
        assert len(server.asked) == 5


@pytest.mark.skipif(not hasattr(real_time, "CLOCK_BOOTTIME"), reason="this system has no clock that counts its sleep")
def test_the_time_that_the_machine_sleeps_counts() -> None:
    before = real_time.clock_gettime(real_time.CLOCK_BOOTTIME)
    assert before <= boot_seconds() <= real_time.clock_gettime(real_time.CLOCK_BOOTTIME)
