"""Whether a folder is on a volume that outlives the pod."""

from __future__ import annotations

import pytest

from volsync_py.pod.mounts import is_kept

TABLE = """\
710 650 0:93 / / ro,relatime - overlay overlay rw,lowerdir=/l
711 710 0:95 / /proc rw - proc proc rw
712 710 0:96 / /dev rw - tmpfs tmpfs rw,size=65536k
713 710 8:1 /var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/pvc/mount /data rw - ext4 /dev/sda1 rw
714 710 0:41 / /repository rw - nfs4 nas:/srv/backups rw
715 710 8:1 /var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/scratch /scratch rw - ext4 /dev/sda1 rw
716 710 8:1 /pods/1/volumes/kubernetes.io~secret/keys /keys ro - ext4 /dev/sda1 rw
717 710 0:97 / /memory rw - tmpfs tmpfs rw
718 710 8:16 / /with\\040blank rw shared:1 - xfs /dev/sdb rw
719 714 0:98 / /repository/memory rw - tmpfs tmpfs rw
720 710 8:2 / /twice rw - ext4 /dev/sda2 rw
721 720 0:99 / /twice rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/repository", True),
        ("/repository/deep/down", True),
        ("/with blank/app", True),
        ("/data/app", True),
        ("/elsewhere", False),
        ("/repositoryx", False),
        ("/repository/../elsewhere", False),
        ("/repository/memory/app", False),
        ("/scratch/app", False),
        ("/keys", False),
        ("/memory", False),
        ("/dev/shm/app", False),
        ("/twice/app", False),
    ],
)
def test_only_a_volume_that_outlives_the_pod_keeps_a_repository(path: str, kept: bool) -> None:
    assert is_kept(path, TABLE.splitlines()) is kept


def test_the_kernel_is_asked_where_nothing_is_given() -> None:
    assert is_kept("/proc/self") is False
