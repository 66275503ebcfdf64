"""A repository looked after by hand: checked, pruned, unlocked, by Jobs that go on without the command."""

from __future__ import annotations

import signal
from typing import Any

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command, started
from tests.integration.commands.repository import HERE, JOBS, NAMESPACE, PODS, SOURCES, filling, left, phase
from tests.integration.commands.terminal import on_terminal
from volsync_py.core.names import Role, mover_host_name

# A mover that was killed in a backup.
KILLED = "cd /data; sleep 60 | restic backup -q --stdin & sleep 3; pkill -9 -f 'backup -q' || true"


def test_it_is_checked_and_pruned_with_words_and_a_verdict(asks: DevCluster) -> None:
    checked = command(asks.kubeconfig, "check", "db", "--read-data", "1/2", *HERE)
    assert (checked.returncode, checked.stdout) == (0, "db: check ended well\n"), checked.stderr
    assert "=== Starting check ===" in checked.stderr
    pruned = command(asks.kubeconfig, "prune", "db", *HERE)
    assert (pruned.returncode, pruned.stdout) == (0, "db: prune ended well\n"), pruned.stderr
    wait_until("the end of the pods", lambda: not left(asks), 30)


def test_a_terminal_is_told_how_far_it_is(asks: DevCluster) -> None:
    with on_terminal(asks.kubeconfig, "check", "db", *HERE) as terminal:
        # restic tells nothing of a check before its end.
        terminal.wait_for("\rcheck of db, for 0 seconds")
        terminal.wait_for("\r\x1b[Kdb: check ended well")
        assert terminal.process.wait(30) == 0
    with on_terminal(asks.kubeconfig, "prune", "db", *HERE) as terminal:
        terminal.wait_for("\rprune of db [####################] 100 %  ")
        terminal.wait_for(" packs processed\x1b[K")
        terminal.wait_for("\r\x1b[Kdb: prune ended well")
        assert terminal.process.wait(30) == 0
    wait_until("the end of the pods", lambda: not left(asks), 30)


def test_work_goes_on_when_nobody_waits(asks: DevCluster) -> None:
    with started(asks.kubeconfig, "check", "db", *HERE) as process:
        wait_until("a Job", lambda: bool(left(asks)))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "you no longer wait, and check goes on" in err
    (job,) = asks.get(JOBS)["items"]
    path = f"{JOBS}/{job['metadata']['name']}"
    assert f"kubectl delete job {job['metadata']['name']} -n {NAMESPACE} ends it" in err
    wait_until("its end", lambda: (asks.get(path).get("status") or {}).get("succeeded") == 1)
    asks.ask("DELETE", f"{path}?propagationPolicy=Background")


def test_a_lock_is_that_of_somebody(asks: DevCluster) -> None:
    uid = asks.get(f"{SOURCES}/db")["metadata"]["uid"]
    asks.ask("POST", PODS, killed(mover_host_name(Role.SOURCE, NAMESPACE, "db", uid)))
    wait_until("the killed backup", lambda: phase(asks, "killed") in ("Succeeded", "Failed"))
    asks.ask("DELETE", f"{PODS}/killed")
    seen = command(asks.kubeconfig, "locks", "db", "--remove-dead", *HERE)
    assert seen.returncode == 0, seen.stderr
    first, more = seen.stdout.splitlines()
    assert "shared" in first
    assert f"{first}  {more.strip()}".endswith(
        "dead     the mover of source db, which has gone; the next one  removes it"
    )
    assert "1 lock, 1 of them dead" in seen.stderr
    # It is too young for restic's unlock, and nothing is said to have removed it.
    assert "it is removed by the next mover of db, or in 3" in seen.stderr
    assert "=== Starting unlock" not in seen.stderr
    unlocked = command(asks.kubeconfig, "unlock", "db", *HERE)
    assert (unlocked.returncode, unlocked.stdout) == (0, "db: unlock ended well\n"), unlocked.stderr
    assert "what was renewed within half an hour stays" in unlocked.stderr
    assert command(asks.kubeconfig, "locks", "db", "-o", "name", *HERE).stdout.startswith(first.split()[0])


def killed(host: str) -> dict[str, Any]:
    pod = filling()
    pod["metadata"]["name"] = "killed"
    pod["spec"]["hostname"] = host
    pod["spec"]["containers"][0]["command"] = ["sh", "-c", KILLED]
    return pod
