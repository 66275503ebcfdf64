"""The file that is attached to a report: bounded, redacted before it is cut, and listed."""

from __future__ import annotations

import io
import tarfile

from volsync_py.commands.bundle.content import _MOST_BYTES, _MOST_BYTES_OF_ONE, Bundle

SECRET = "hunter2hunter2"


def test_a_log_is_cut_after_its_secrets_have_gone() -> None:
    bundle = Bundle()
    # The name of the secret is before what is kept, its value in it.
    bundle.add_text("a.log", f"PASSWORD={SECRET} {'x' * (_MOST_BYTES_OF_ONE + 5)}\nlast\n")
    kept = bundle.files["a.log"].decode()
    assert SECRET not in kept
    assert kept == "PASSWORD=(hidden)\nlast\n"
    bundle.add_text("b.log", "line\n" * _MOST_BYTES_OF_ONE)
    assert len(bundle.files["b.log"]) < _MOST_BYTES_OF_ONE + 100
    assert bundle.files["b.log"].decode().startswith("… (the beginning is left out)\nline\n")


def test_it_never_grows_beyond_its_size_and_says_what_has_no_place() -> None:
    bundle = Bundle()
    for number in range(200):
        bundle.add_document(f"{number}.json", "x" * _MOST_BYTES_OF_ONE)
    assert sum(map(len, bundle.files.values())) <= _MOST_BYTES
    assert len(bundle.files) + len(bundle.missing) == 200
    assert bundle.listed()[-1] == "not in it: 199.json: 256.0 KiB are too many"


def test_a_name_leads_to_no_other_folder() -> None:
    bundle = Bundle()
    bundle.add_document("/../../etc/passwd\x1b", {})
    with tarfile.open(fileobj=io.BytesIO(bundle.packed())) as archive:
        assert archive.getnames() == [
            "volsync-py-debug/README.txt",
            "volsync-py-debug/_/_/etc/passwd\N{REPLACEMENT CHARACTER}",
        ]
