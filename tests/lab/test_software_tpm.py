"""The lab's software TPM: made once, kept, and what happens when there is no swtpm."""

import shutil

import pytest

from apd.shells.tpm import Tpm
from lab.software_tpm import SoftwareTpm
from wire.errors import ShellError

needs_swtpm = pytest.mark.skipif(
    not (shutil.which("swtpm") and shutil.which("swtpm_setup")),
    reason="swtpm or swtpm_setup is not installed",
)


@pytest.mark.system
@needs_swtpm
def test_state_and_authority_outlive_the_process(tmp_path):
    with SoftwareTpm(tmp_path) as software_tpm:
        tpm = Tpm.open(software_tpm.tcti)
        key = tpm.attestation_key()
        tpm.close()
        root = software_tpm.vendor_certificates[0].read_bytes()
    with SoftwareTpm(tmp_path) as software_tpm:
        tpm = Tpm.open(software_tpm.tcti)
        assert tpm.attestation_key() == key
        tpm.close()
        assert software_tpm.vendor_certificates[0].read_bytes() == root


@pytest.mark.system
@needs_swtpm
def test_nothing_runs_after_the_block(tmp_path):
    with SoftwareTpm(tmp_path) as software_tpm:
        tcti = software_tpm.tcti
    with pytest.raises(ShellError):
        Tpm.open(tcti)


def test_a_machine_without_swtpm_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ShellError, match="is swtpm-tools installed"), SoftwareTpm(tmp_path / "tpm"):
        pass
    assert not (tmp_path / "tpm" / "state").exists(), "half a TPM would be taken for a whole one"
