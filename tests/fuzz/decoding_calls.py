"""``READ_BY``: the fuzz reader for each module that decodes data, or why it needs none."""

from __future__ import annotations

import ast
from pathlib import Path

import reconciler

ROOT = Path(reconciler.__file__).parent
_NAMES = frozenset(
    {
        *("loads", "load", "load_all", "raw_decode", "decode", "b64decode", "fromhex", "unpack"),
        *("fromisoformat", "fromtimestamp", "strptime", "parsedate_to_datetime", "ZoneInfo"),
        *("int", "float", "Fraction", "Decimal", "ip_address", "urlsplit", "urlparse"),
        *("json_decoder", "msgpack_decoder", "json_value"),
        *("Decoder", "convert", "YAML", "CParser", "decompressobj", "GzipFile", "literal_eval"),
    }
)
"""The names of decoding functions that can fail for the text or bytes that they receive."""

NOT_FOREIGN = "not foreign: "
_OWN_FILE = NOT_FOREIGN + "a file of the program itself"
_OWN_VALUE = NOT_FOREIGN + "a value that another module has decoded"
_MATCHED = NOT_FOREIGN + "a pattern permits only a few digits"
_SIMULATOR = "simulator request"

READ_BY = {
    "rollout/tracking/commit_record.py": "commit in a lease",
    "cli/commands/cluster.py": "world file",
    "cli/demo/demo_stage.py": NOT_FOREIGN + "an answer of the simulator in the same process",
    "cli/main.py": _OWN_VALUE,
    "app/metrics_file.py": "metrics file",
    "report/metrics/restart_wait_lines.py": "metrics file",
    "app/comment/ci_job.py": "variables of a CI job",
    "app/comment/result_content.py": "result file",
    "prometheus/alert_query.py": "answer of Prometheus",
    "prometheus/mounted_access.py": NOT_FOREIGN + "the address of Prometheus in an option",
    "notify/receiver_access.py": NOT_FOREIGN + "an address and headers that the operator mounts",
    "web/exchange.py": "rate limit of a forge",
    "web/connection_pool.py": NOT_FOREIGN + "a variable of the job, which connects it to a server",
    "forge/ci_event.py": "event of a CI job",
    "forge/github_app.py": "answer of a forge",
    "forge/result_stamp.py": "stamp of a comment",
    "forge/answer_codec.py": "answer of a forge",
    "forge/forge_client.py": "rate limit of a forge",
    "report/comment/github_outputs.py": "result file",
    "report/comment/plan_comment.py": "result file",
    "report/comment/run_comment.py": "result file",
    "source/result_file.py": "result file",
    "cli/option_values.py": "environment",
    "cli/terminal/log_format.py": NOT_FOREIGN + "the time of a log record",
    "cluster/api/api_errors.py": "failed answer",
    "cluster/api/client.py": "kubeconfig",
    "cluster/api/kubeconfig.py": "kubeconfig",
    "cluster/api/paging.py": "whole cluster",
    "cluster/api/response_body.py": "gzip body",
    "cluster/api/transport.py": "Date header",
    "cluster/api/watch.py": "watch event",
    "cluster/decode/decode_values.py": "time",
    "cluster/decode/kubevirt_cr.py": "live object",
    "cluster/decode/list_stream.py": "list page",
    "cluster/decode/owners.py": "live object",
    "cluster/decode/pages.py": "live object",
    "cluster/informer/reflector.py": "watch event",
    "cluster/lease/lease_record.py": "lease",
    "cluster/lease/other_holder.py": "lease",
    "cluster/read/lists.py": "whole cluster",
    "cluster/read/api_groups.py": "whole cluster",
    "cluster/read/snapshot_file.py": "snapshot",
    "cluster/write/access_review.py": "answer to an access review",
    "cluster/write/writer.py": "answer to a write",
    "model/live/placement.py": "live object",
    "model/live/snapshot_codec.py": "snapshot",
    "model/paths.py": "live object",
    "model/quantity.py": "quantity",
    "model/schedule.py": "time zone",
    "model/shard.py": "shard",
    "plan/behaviour/target_pod.py": "whole cluster",
    "decoders.py": NOT_FOREIGN + "what the callers pass; each of them is listed",
    "plan/behaviour/versions.py": "version",
    "plan/capacity/capacity_age.py": _OWN_VALUE,
    "plan/capacity/node_filters.py": _OWN_VALUE,
    "plan/forecast/forecast.py": _OWN_VALUE,
    "plan/kubevirt/owners/hyperconverged.py": _MATCHED,
    "plan/kubevirt/owners/json_patch_annotation.py": "whole cluster",
    "plan/vm/guest_warnings.py": _MATCHED,
    "report/fleet_page/sections/queue_section.py": _OWN_VALUE,
    "report/json_documents.py": _OWN_VALUE,
    "report/json_values.py": _OWN_VALUE,
    "serve/notifications/reported_codec.py": "reported causes",
    "report/wording.py": _OWN_VALUE,
    "rollout/tracking/checkpoint_codec.py": "checkpoint text",
    "schema/check.py": _OWN_FILE,
    "schema/fast_check.py": _OWN_FILE,
    "schema/formats.py": "schema formats",
    "schema/schema_files.py": _OWN_FILE,
    "source/cache/cache_codec.py": "cache row",
    "source/cache/file_contents.py": "cache row",
    "source/config_file.py": "configuration in a stream",
    "source/git/clone_folder.py": _MATCHED,
    "source/git/commit_tree.py": "commit",
    "source/git/git_environment.py": NOT_FOREIGN + "a variable that git itself reads",
    "source/git/repository.py": "repository files",
    "source/git/repository_url.py": "repository address",
    "source/trust/repository_places.py": "repository address",
    "source/git/transport/fetch_failure.py": "repository address",
    "source/git/transport/git_transport.py": "repository address",
    "source/manifests/compact_manifest.py": NOT_FOREIGN + "JSON that the same class has written",
    "source/manifests/kind_scan.py": "manifests",
    "source/manifests/manifest_reader.py": "manifests",
    "source/manifests/vm_annotations.py": _MATCHED,
    "source/plan_file.py": "plan file",
    "source/trust/allowed_signers.py": "allowed signers",
    "source/trust/openpgp_keyring.py": NOT_FOREIGN + "gpg's list of the trusted keys",
    "source/trust/signature_checker.py": "result of a signature check",
    "source/trust/mounted_file.py": "file of --verify",
    "source/yaml/character_substitution.py": NOT_FOREIGN + "a constant",
    "source/yaml/decode_text.py": "manifests",
    "source/yaml/json_stream.py": "manifests",
    "source/yaml/parsers.py": "manifests",
    "source/yaml/scalars.py": "plain scalar",
    "report/service/run_list.py": _OWN_VALUE,
    "serve/notifications/due.py": _OWN_VALUE,
    "serve/loop/restart_wait_keeper.py": "restart waits",
    "serve/hooks/body_reader.py": "webhook",
    "serve/hooks/hooks_app.py": "webhook",
    "serve/hooks/payloads.py": "webhook payload",
    "serve/hooks/signatures.py": "signature of a webhook",
    "serve/http/listen_address.py": "listen address",
    "serve/http/request_guard.py": "request of the page",
    "simulator/apiserver/kubectl_face/jsonpath.py": _OWN_VALUE,
    "simulator/apiserver/kubectl_face/table_columns.py": "simulator HTTP",
    "simulator/apiserver/patching/json_patch.py": _SIMULATOR,
    "simulator/apiserver/patching/patch_handler.py": _SIMULATOR,
    "simulator/apiserver/patching/server_side_apply.py": _SIMULATOR,
    "simulator/apiserver/reading/continue_token.py": _SIMULATOR,
    "simulator/apiserver/reading/get_and_list.py": _SIMULATOR,
    "simulator/apiserver/reading/selectors.py": _SIMULATOR,
    "simulator/apiserver/reading/watch.py": _SIMULATOR,
    "simulator/apiserver/request/api_call.py": _SIMULATOR,
    "simulator/apiserver/request/request_body.py": _SIMULATOR,
    "simulator/apiserver/request/schema_validation.py": _SIMULATOR,
    "simulator/apiserver/writing/actions.py": _SIMULATOR,
    "simulator/encoding/go_json.py": _SIMULATOR,
    "simulator/encoding/json_codec.py": _SIMULATOR,
    "simulator/kubevirt/cluster_config.py": "world file",
    "simulator/kubevirt/controllers/vm_controller.py": _SIMULATOR,
    "simulator/kubevirt/inventory.py": _SIMULATOR,
    "simulator/kubevirt/migration/migration_rules.py": _OWN_VALUE,
    "simulator/kubevirt/node/label_selectors.py": _SIMULATOR,
    "simulator/kubevirt/owners/harvester.py": _SIMULATOR,
    "simulator/kubevirt/owners/hyperconverged_spec.py": "world file",
    "simulator/kubevirt/migration/target_pods.py": _SIMULATOR,
    "simulator/kubevirt/node/guest_memory.py": _MATCHED,
    "simulator/kubevirt/node/launcher_pod.py": "world file",
    "simulator/kubevirt/node/virt_handler.py": "world file",
    "simulator/kubevirt/quantity.py": "simulator quantity",
    "simulator/kubevirt/rules/memory_overhead.py": "world file",
    "simulator/kubevirt/rules/vm_status.py": _SIMULATOR,
    "simulator/kubevirt/versions.py": _MATCHED,
    "simulator/kubevirt/webhooks/kubevirt_webhook.py": _SIMULATOR,
    "simulator/store/fields_v1.py": _SIMULATOR,
    "simulator/store/managed_fields.py": _SIMULATOR,
    "simulator/store/store.py": _SIMULATOR,
    "simulator/store/structural_schema.py": _OWN_FILE,
    "simulator/worlds/field_reader.py": "world file",
    "simulator/worlds/world_faults.py": "world file",
}
"""The name of the fuzz reader for each module that ``decoding_modules`` returns."""


def decoding_modules() -> set[str]:
    """Return the path of each module that calls a decoding function with a variable."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if any(map(_decodes, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }


def _decodes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in _NAMES and not all(isinstance(each, ast.Constant) for each in node.args[:1])
