"""Minimal manifests as YAML text, and functions that read them and list the diagnostics."""

from reconciler.source.manifests.manifest_reader import read_manifests


def vm(memory="guest: 2Gi", *, head="", annotations="", spec=""):
    """Return a minimal VM; its memory is in line 10, or later if *annotations* adds lines."""
    notes = f"  annotations:\n    {annotations}\n" if annotations else "  # none\n  # none\n"
    return (
        f"{head}apiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        f"metadata:\n  name: pg-0\n  namespace: db\n{notes}"
        f"spec:\n{spec}  template: {{spec: {{domain: {{memory: {{{memory}}}}}}}}}\n"
    )


def named_vm(name, namespace="db", guest="2Gi", labels="{}"):
    """Return a VM with only metadata and a memory size; an empty *namespace* is left out."""
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
