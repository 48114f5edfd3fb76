"""A signature in a pull request starts only the programs that check it."""

from __future__ import annotations

from support.served import Git
from support.signing.signatures import SSHKeys
from support.simulated import vm_yaml
from support.trust.audited import run_audited

VERIFICATION = """apiVersion: reconciler/v1alpha1
kind: Verification
require: commit
ssh:
  allowedSigners: |
    alice@example.com {key}
"""


def test_signature_check_of_a_hostile_commit_starts_only_git_and_ssh_keygen(job, tmp_path):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    (tmp_path / "keys").mkdir()
    keys = SSHKeys(tmp_path / "keys")
    verification = tmp_path / "keys" / "verify.yaml"
    verification.write_text(VERIFICATION.format(key=keys.public(keys.create("alice"))))
    repository = Git(tmp_path / "checkout")
    repository.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    sign = (*keys.settings(keys.create("mallory")), "commit", "--gpg-sign", "--allow-empty")
    repository(*sign, "--quiet", "--message=::error::x\n\ngpgsig forged")
    for name in ("gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"):
        repository("config", name, str(program))
    ended = run_audited(
        *("plan", "--repo", ".", "--verify", verification, "--snapshot", job.snapshot),
        folder=repository.path,
        record=tmp_path / "audit",
        environment=job.environment,
    )
    assert "mallory" not in ended.out
    assert "signature" in ended.out + ended.err
    assert {each[0] for each in ended.programs} <= {"git"}
    assert {each[0].split()[0] for each in ended.git_children} == {"ssh-keygen"}
    assert (ended.contacted, ran.exists()) == (set(), False)
