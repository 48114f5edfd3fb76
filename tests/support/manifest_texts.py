"""Minimal manifests as YAML strings, and helpers that read them and return the diagnostics."""

from reconciler.source.manifests.manifest_reader import read_manifests


def vm(memory="guest: 2Gi", *, head="", annotations="", spec=""):
    """Return a minimal VM manifest, whose memory is in line 10, or later with *annotations*."""
    notes = f"  annotations:\n    {annotations}\n" if annotations else "  # none\n  # none\n"
    return (
        f"{head}apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        f"metadata:\n  name: pg-0\n  namespace: db\n{notes}"
        f"spec:\n{spec}  template: {{spec: {{domain: {{memory: {{{memory}}}}}}}}}\n"
    )


def named_vm(name, namespace="db", guest="2Gi", labels="{}"):
    """Return a VM manifest with only metadata and a size; an empty *namespace* is omitted."""
    where = f", namespace: {namespace}" if namespace else ""
    return (
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        f"metadata: {{name: {name}{where}, labels: {labels}}}\n"
        f"spec: {{template: {{spec: {{domain: {{memory: {{guest: {guest}}}}}}}}}}}\n"
    )


def cr(spec):
    return (
        "apiVersion: kubevirt.io/v1\nkind: KubeVirt\n"
        f"metadata: {{name: kubevirt, namespace: kubevirt}}\nspec:\n{spec}"
    )


def read(text):
    return read_manifests("vms/db.yaml", text.encode() if isinstance(text, str) else text)


def said(result):
    return [*result.diagnostics, *(each for o in result.objects for each in o.diagnostics)]
