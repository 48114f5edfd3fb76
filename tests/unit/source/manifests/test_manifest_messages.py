"""Each mistake in a manifest is reported once, at its location."""

import pytest
from support.builders import text_of
from support.manifest_texts import cr, read, said, vm

from reconciler.source.yaml.decode_text import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES

WHERE = "VirtualMachine db/pg-0: spec.template.spec.domain.memory"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "kind: VirtualMachine\na: 'x\n",
            "vms/db.yaml:3:1: error[not-yaml] a quote is not closed\n"
            "  hint: check the indentation, quotes and brackets here and in the lines before",
            id="not YAML",
        ),
        pytest.param(
            b"kind: VirtualMachine\na: \xff\n",
            "vms/db.yaml:2:4: error[not-text] the byte 0xff is not valid UTF-8",
            id="not text",
        ),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "vms/db.yaml:1:1: warning[lfs-pointer] this is a Git LFS pointer, not the manifest "
            "itself\n"
            "  hint: do not store manifests in Git LFS",
            id="LFS pointer",
        ),
        pytest.param(
            b"kind: VirtualMachine\n" + b"#" * MAX_FILE_BYTES,
            "vms/db.yaml:1:1: error[too-large] the file has more than 50,000,000 bytes, but "
            "the limit is 50,000,000 bytes\n"
            "  hint: split the file, or add it to `exclude` in .reconciler.yaml",
            id="too large file",
        ),
        pytest.param(
            b"a: 1\n---\nkind: VirtualMachine\n" + b"#" * MAX_DOCUMENT_BYTES,
            "vms/db.yaml:2:1: error[too-large] the document has 10,000,025 bytes, but the "
            "limit is 10,000,000 bytes\n"
            "  hint: write each object as a separate document, with --- between "
            "the documents",
            id="too large document",
        ),
        pytest.param(
            vm("guest: 2Gi, guest: 4Gi"),
            "vms/db.yaml:9:51: warning[duplicate-key] the key guest appears twice in one mapping\n"
            "  first at line 9, column 39\n"
            "  hint: remove one of the two keys; the last key is used, as in kubectl",
            id="duplicate key",
        ),
        pytest.param(
            vm("guest: 2GB"),
            f"vms/db.yaml:9:46: error[bad-quantity] {WHERE}.guest: a string of "
            "3 characters is not a quantity\n"
            "  hint: did you mean 2Gi, or 2G for the decimal size?",
            id="invalid unit GB",
        ),
        pytest.param(
            vm("guest: -2Gi"),
            f"vms/db.yaml:9:46: error[bad-quantity] {WHERE}.guest: '-2Gi' is negative\n"
            "  hint: memory is zero or more",
            id="negative size",
        ),
        pytest.param(
            vm("guest: 0"),
            f"vms/db.yaml:9:46: error[bad-quantity] {WHERE}.guest: 0 is zero\n"
            "  hint: write a size such as 2Gi",
            id="size of zero",
        ),
        pytest.param(
            vm("guest: 1.5"),
            f"vms/db.yaml:9:46: error[wrong-type] {WHERE}.guest is a decimal number; "
            f"expected text "
            "or an integer\n  hint: write a size such as 1536Mi, or a whole number of bytes",
            id="fraction of a byte",
        ),
        pytest.param(
            vm("guest: 2Gi, hugePages: {}"),
            f"vms/db.yaml:9:51: error[unknown-field] {WHERE}.hugePages is not a known field\n"
            "  hint: did you mean hugepages? allowed: guest, hugepages, maxGuest, "
            "reservedOverhead",
            id="unknown field under memory",
        ),
        pytest.param(
            vm().replace("memory", "memmory"),
            "vms/db.yaml:9:30: error[unknown-field] VirtualMachine db/pg-0: "
            "spec.template.spec.domain.memmory is not a known field\n"
            "  hint: did you mean memory?",
            id="memory misspelt",
        ),
        pytest.param(
            vm("guest: 16Gi, maxGuest: 8Gi"),
            "vms/db.yaml:9:46: error[guest-above-max] VirtualMachine db/pg-0: guest 16Gi exceeds "
            "maxGuest 8Gi\n"
            "  maxGuest is set at vms/db.yaml:9:62\n"
            "  hint: lower guest to 8Gi, or raise maxGuest, which needs a restart",
            id="guest above own maxGuest",
        ),
        pytest.param(
            vm(spec="  instancetype: {name: u1}\n"),
            "vms/db.yaml:10:46: error[memory-from-instancetype] VirtualMachine db/pg-0: guest "
            "2Gi conflicts with the instancetype, which also sets the memory\n"
            "  instancetype is set at vms/db.yaml:9:17\n"
            "  hint: remove memory.guest, and set the memory size by choosing an instancetype",
            id="guest beside an instancetype",
        ),
        pytest.param(
            vm().replace("pg-0", "Pg_0"),
            "vms/db.yaml:4:9: error[bad-name] VirtualMachine db/Pg_0: metadata.name: 'Pg_0' is "
            "not a valid name\n"
            "  hint: use at most 253 lower-case letters, digits, '-' and '.', with a letter or "
            "digit at both ends",
            id="invalid name",
        ),
        pytest.param(
            vm().replace("name: pg-0", "generateName: pg-"),
            "vms/db.yaml:4:3: error[missing-field] metadata.name is missing",
            id="missing name",
        ),
        pytest.param(
            vm().replace("namespace: db", "namespace: d.b"),
            "vms/db.yaml:5:14: error[bad-name] VirtualMachine d.b/pg-0: metadata.namespace: 'd.b' "
            "is not a valid namespace\n"
            "  hint: use at most 63 lower-case letters, digits and '-', with a letter or digit at "
            "both ends",
            id="invalid namespace",
        ),
        pytest.param(
            vm(annotations="memory.reconciler.dev/suspend: 'yes'"),
            "vms/db.yaml:7:36: error[bad-annotation] VirtualMachine db/pg-0: "
            'memory.reconciler.dev/suspend is \'yes\'; expected "true" or "false"',
            id="invalid suspend annotation",
        ),
        pytest.param(
            vm(annotations="memory.reconciler.dev/suspend: true"),
            "vms/db.yaml:7:36: error[wrong-type] VirtualMachine db/pg-0: "
            "metadata.annotations.memory.reconciler.dev/suspend is true (a boolean); expected "
            "text\n  hint: put the value in quotes",
            id="suspend without quotes",
        ),
        pytest.param(
            vm(annotations="memory.reconciler.dev/priority: high"),
            "vms/db.yaml:7:37: error[bad-annotation] VirtualMachine db/pg-0: "
            "memory.reconciler.dev/priority is a string of 4 characters; expected an integer in "
            "quotes, for example "
            '"10"',
            id="invalid priority annotation",
        ),
        pytest.param(
            vm(annotations="memory.reconciler.dev/suspended: 'true'"),
            "vms/db.yaml:7:5: warning[unknown-annotation] VirtualMachine db/pg-0: "
            "memory.reconciler.dev/suspended is not a known annotation and has no effect\n"
            "  hint: did you mean memory.reconciler.dev/suspend?",
            id="unknown annotation",
        ),
        pytest.param(
            vm(annotations="memory.reconciler.dev/restart: windows"),
            "vms/db.yaml:7:36: error[bad-annotation] VirtualMachine db/pg-0: "
            "memory.reconciler.dev/restart is 'windows'; expected "
            '"never" or "stage" or "window"\n'
            "  hint: did you mean window?",
            id="invalid restart annotation",
        ),
        pytest.param(
            vm("guest: 4G"),
            "vms/db.yaml:9:46: warning[misaligned] VirtualMachine db/pg-0: guest 4G is not a "
            "multiple of 2Mi, so memory of this size cannot be hotplugged\n"
            "  hint: set the size to 3816Mi, the next multiple",
            id="misaligned",
        ),
        pytest.param(
            vm("guest: 1536Mi, hugepages: {pageSize: 1Gi}"),
            "vms/db.yaml:9:46: warning[misaligned] VirtualMachine db/pg-0: guest 1536Mi is not "
            "a multiple of 1Gi, so memory of this size cannot be hotplugged\n"
            "  hint: set the size to 2Gi, the next multiple",
            id="not a multiple of the huge page size",
        ),
        pytest.param(
            vm("guest: 512Mi"),
            "vms/db.yaml:9:46: warning[below-minimum] VirtualMachine db/pg-0: guest 512Mi is "
            "below 1Gi, so KubeVirt v1.3.1 and later do not hotplug memory into the VM\n"
            "  hint: set 1Gi or more to allow memory hotplug for this VM",
            id="below 1Gi",
        ),
        pytest.param(
            vm(""),
            "vms/db.yaml:1:1: warning[nothing-named] VirtualMachine db/pg-0: the manifest does "
            "not set the memory, so the VM is not compared\n"
            "  hint: set spec.template.spec.domain.memory.guest, or add the file to `exclude` "
            "in .reconciler.yaml",
            id="no memory set",
        ),
        pytest.param(
            vm().replace("kubevirt.io/v1", "kubevirt.io/v1alpha3"),
            "vms/db.yaml:1:13: error[bad-api-version] apiVersion is 'kubevirt.io/v1alpha3', "
            "which is not supported; expected 'kubevirt.io/v1'\n"
            "  hint: write apiVersion: kubevirt.io/v1",
            id="unsupported API version",
        ),
        pytest.param(
            vm().replace("kubevirt.io/v1", "kubvirt.io/v1"),
            "vms/db.yaml:1:13: error[bad-api-version] apiVersion is 'kubvirt.io/v1'; expected "
            "'kubevirt.io/v1'\n  hint: write apiVersion: kubevirt.io/v1",
            id="group misspelt",
        ),
        *(
            pytest.param(
                vm().replace("kubevirt.io/v1", version),
                f"vms/db.yaml:1:13: error[bad-api-version] apiVersion is {shown}; expected "
                "'kubevirt.io/v1'\n  hint: write apiVersion: kubevirt.io/v1",
                id=f"apiVersion {version}",
            )
            for version, shown in (
                ("kubevirt.io", "a string of 11 characters"),
                ("v1", "'v1'"),
                ("kubevirt.io.v1", "a string of 14 characters"),
            )
        ),
        pytest.param(
            vm().replace("{memory: {guest: 2Gi}}", "{resources: {requests: {memory: 4Gi}}}"),
            "vms/db.yaml:9:61: warning[memory-not-managed] VirtualMachine db/pg-0: the VM's "
            "memory is set only through resources.requests.memory 4Gi; KubeVirt does not change "
            "this setting live, and reconciler does not write it\n"
            "  hint: set spec.template.spec.domain.memory.guest",
            id="memory by resources",
        ),
        pytest.param(
            vm().replace("apiVersion: kubevirt.io/v1\n", ""),
            "vms/db.yaml:1:7: error[bad-api-version] this VirtualMachine does not set "
            "apiVersion\n"
            "  hint: write apiVersion: kubevirt.io/v1",
            id="no apiVersion",
        ),
        pytest.param(
            vm().replace("VirtualMachine", "VirtualMachin"),
            "vms/db.yaml:2:7: error[unknown-kind] the API group kubevirt.io has no kind "
            "'VirtualMachin'\n"
            "  hint: did you mean VirtualMachine?",
            id="kind misspelt",
        ),
        pytest.param(
            vm().partition("spec:\n")[0],
            "vms/db.yaml:1:1: error[missing-field] VirtualMachine db/pg-0: spec is missing",
            id="no spec",
        ),
        pytest.param(
            cr(
                "  configuration:\n    developerConfiguration:\n"
                "      featureGates: [A, B]\n      disabledFeatureGates: [C, B]\n"
            ),
            "vms/db.yaml:7:25: error[gate-disabled] KubeVirt kubevirt/kubevirt: the feature "
            "gate B is in both featureGates and disabledFeatureGates\n"
            "  the entry in disabledFeatureGates is at vms/db.yaml:8:33\n"
            "  hint: remove the feature gate from one of the two lists",
            id="gate in both lists",
        ),
        pytest.param(
            cr("  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigration]}\n"),
            "vms/db.yaml:5:52: warning[unknown-method] KubeVirt kubevirt/kubevirt: "
            "LiveMigration is not a workload update method, so KubeVirt ignores it\n"
            "  hint: did you mean LiveMigrate?",
            id="update method misspelt",
        ),
        pytest.param(
            cr("  imagePullPolicy: Always\n  configuration: {migrations: {network: x}}\n"),
            "vms/db.yaml:5:3: note[not-managed] KubeVirt kubevirt/kubevirt: reconciler does "
            "not manage these fields and leaves them unchanged: spec.imagePullPolicy, "
            "spec.configuration.migrations.network",
            id="unmanaged fields",
        ),
    ],
)
def test_mistake_in_a_manifest_is_reported_once_at_its_location(text, expected):
    messages = [text_of(each) for each in said(read(text))]
    assert expected in messages
    extra = {"not-managed", "nothing-named"}
    assert [m for m in messages if m != expected and not any(f"[{e}]" in m for e in extra)] == []
