"""What of a pod's environment a question is answered with, and work is done with."""

from __future__ import annotations

import pytest

from volsync_py.pod.given import given_environment


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"VOLSYNC_PY_SECRET_AWS_ACCESS_KEY_ID": "k"}, {"AWS_ACCESS_KEY_ID": "k"}),
        ({"VOLSYNC_PY_SECRET_RCLONE_CONFIG_X_TYPE": "s3"}, {"RCLONE_CONFIG_X_TYPE": "s3"}),
        # None of these is given to a mover.
        ({"VOLSYNC_PY_SECRET_PATH": "/evil", "PATH": "/bin"}, {"PATH": "/bin"}),
        ({"VOLSYNC_PY_SECRET_DATA_DIR": "/evil", "VOLSYNC_PY_SECRET_AWS_CONFIG_FILE": "/x"}, {}),
        # What the cloud adds stays where the Secret has nothing of that name.
        ({"AZURE_TENANT_ID": "of the cloud"}, {"AZURE_TENANT_ID": "of the cloud"}),
        ({"AZURE_TENANT_ID": "of the cloud", "VOLSYNC_PY_SECRET_AZURE_TENANT_ID": "own"}, {"AZURE_TENANT_ID": "own"}),
        (
            {"VOLSYNC_PY_SECRET_GOOGLE_APPLICATION_CREDENTIALS": "{}"},
            {"GOOGLE_APPLICATION_CREDENTIALS": "/credentials/gcs.json"},
        ),
    ],
)
def test_the_secret_gives_what_it_gives_a_mover(environ: dict[str, str], expected: dict[str, str]) -> None:
    assert given_environment(environ) == expected
