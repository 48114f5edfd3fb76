"""Tests the configuration file: safe defaults, and locations of values and mistakes."""

import pytest
from support.builders import text_of

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.desired.config import (
    CONFIG_KEYS,
    DEFAULT_ORIGIN,
    Canary,
    Config,
    HyperConvergedPolicy,
    Mode,
    OptionOrigin,
    OriginKind,
    RestartConsent,
    Window,
    WindowKind,
)
from reconciler.model.quantity import Duration
from reconciler.model.references import Location
from reconciler.model.selector import Selector
from reconciler.plan.plan_policy import plan_policy
from reconciler.source.config_file import parse_config, stream_config
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.readers import StreamReader

FLAG = OptionOrigin(OriginKind.FLAG, "--mode")
HEAD = "apiVersion: reconciler/v1alpha1\nkind: Config\n"


def read(text):
    return parse_config(SourceFile(path=".reconciler.yaml"), text.encode())


def test_default_configuration_permits_neither_creation_nor_restart_of_vms():
    config = Config()
    assert (config.mode, config.paths, config.selector) == (Mode.ENFORCE, (".",), Selector())
    assert (config.create, config.restart) == (False, RestartConsent.NEVER)
    assert (config.max_concurrent, config.failure_budget, config.cluster) == (None, 3, None)
    assert (config.max_per_node, config.failed_migrations, config.annotate) == (None, 3, False)
    assert (config.windows, config.batches, config.canary) == ((), (), None)
    assert (config.anti_affinity, config.snapshot_max_age.seconds) == ((), 86_400)
    assert (config.guest_timeout.seconds, config.settle_timeout.seconds) == (300, 300)
    assert {config.origin(key) for key in CONFIG_KEYS} == {DEFAULT_ORIGIN}


def test_configuration_values_are_read_with_their_locations_in_the_file():
    result = read(
        HEAD + "mode: observe\npaths: [vms, infra/kubevirt.yaml]\nexclude: [vms/lab]\n"
        "selector: tier in (db)\n"
        "cluster: 6e0c\ncreate: yes\nrestart: window\nhyperConverged: annotation\n"
        "annotate: true\nsnapshotMaxAge: 12h\n"
        "windows:\n"
        "- {kind: allow, cron: 0 22 * * 1-5, duration: 4h, timeZone: Europe/Berlin}\n"
        "- {kind: deny, cron: 0 0 20 12 *, duration: 408h}\nrollout:\n  maxConcurrent: 4\n"
        "  maxPerNode: 1\n  batches: [{selector: tier=test}, {selector: '!tier'}]\n"
        "  canary: {selector: canary, soak: 30m}\n  antiAffinity: [app, example.com/quorum]\n"
        "  failureBudget: 1\n  failedMigrations: 2\n"
        "  holdWhile: [CephHealthError]\n  timeouts: {guest: 90s, settle: 10m}\n"
    )
    assert result.diagnostics == ()
    config = result.config
    assert config == Config(
        mode=Mode.OBSERVE,
        paths=("vms", "infra/kubevirt.yaml"),
        exclude=("vms/lab",),
        selector=Selector.parse("tier in (db)"),
        cluster="6e0c",
        create=True,
        restart=RestartConsent.WINDOW,
        hyperconverged=HyperConvergedPolicy.ANNOTATION,
        annotate=True,
        snapshot_max_age=Duration.parse("12h"),
        windows=(
            Window(
                kind=WindowKind.ALLOW,
                cron="0 22 * * 1-5",
                duration=Duration.parse("4h"),
                time_zone="Europe/Berlin",
            ),
            Window(kind=WindowKind.DENY, cron="0 0 20 12 *", duration=Duration.parse("408h")),
        ),
        max_concurrent=4,
        max_per_node=1,
        batches=(Selector.parse("tier=test"), Selector.parse("!tier")),
        canary=Canary(selector=Selector.parse("canary"), soak=Duration.parse("30m")),
        anti_affinity=("app", "example.com/quorum"),
        failure_budget=1,
        hold_while=(AlertMatcher.parse("CephHealthError"),),
        failed_migrations=2,
        guest_timeout=Duration.parse("90s"),
        settle_timeout=Duration.parse("10m"),
    )
    assert config.origin("rollout.timeouts.guest") == Location(
        path=".reconciler.yaml", line=25, column=21
    )
    assert all(isinstance(config.origin(key), Location) for key in CONFIG_KEYS)
    plan = plan_policy(config)
    assert plan.hyperconverged is HyperConvergedPolicy.ANNOTATION
    assert (plan.restart, plan.windows) == (RestartConsent.WINDOW, config.windows)
    assert plan.failed_migrations == 2
    assert (plan.max_per_node, plan.batches, plan.canary, plan.anti_affinity) == (
        1,
        config.batches,
        config.canary,
        config.anti_affinity,
    )
    assert config.annotate


def test_flag_overrides_the_configuration_file_and_is_reported_as_the_origin():
    config = read(HEAD + "mode: observe\n").config.overridden({"mode": Mode.ENFORCE}, FLAG)
    assert (config.mode, config.origin("mode")) == (Mode.ENFORCE, FLAG)
    assert config.value("mode") is Mode.ENFORCE


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_empty_configuration_file_has_all_defaults(text):
    assert (read(text).config, read(text).diagnostics) == (Config(), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + "rollout:\n  failurebudget: 3\n",
            (
                ".reconciler.yaml:4:3: error[unknown-field] rollout.failurebudget is not a "
                "known field"
                "\n  hint: did you mean failureBudget? allowed: antiAffinity, batches, canary, "
                "failedMigrations, failureBudget, holdWhile, maxConcurrent, maxPerNode, timeouts"
            ),
        ),
        (
            HEAD + "restart: window\n",
            (
                ".reconciler.yaml:3:10: warning[no-window] `restart` is `window`, but no entry "
                "in `windows` has `kind: allow`, so no VM is restarted\n"
                "  hint: add a maintenance window with `kind: allow` to `windows`"
            ),
        ),
        (
            HEAD + "restart: windows\n",
            (
                ".reconciler.yaml:3:10: error[bad-value] restart is 'windows'; expected never or "
                "stage or window\n  hint: did you mean window?"
            ),
        ),
        (
            HEAD + "windows:\n- {kind: allow, cron: 0 25 * * *, duration: 1h}\n",
            (
                ".reconciler.yaml:4:23: error[bad-cron] windows[0].cron: a string of 10 "
                "characters is not a cron expression: bad hour\n  hint: write the five fields "
                "minute, hour, day of month, month and day of week, such as 0 22 * * 1-5"
            ),
        ),
        (
            HEAD + "windows:\n- {kind: allow, cron: '@daily', duration: 1h}\n",
            (
                ".reconciler.yaml:4:23: error[bad-cron] windows[0].cron: a string of 6 "
                "characters is not a cron expression\n  hint: write the five fields minute, "
                "hour, day of month, month and day of week, such as 0 22 * * 1-5"
            ),
        ),
        (
            HEAD + "windows:\n- {kind: allow, cron: 0 0 * * *, duration: 1h,\n"
            "   timeZone: europe/berlin}\n",
            (
                ".reconciler.yaml:5:14: error[bad-time-zone] windows[0].timeZone: a string of 13 "
                "characters "
                "is not a time zone\n  hint: did you mean Europe/Berlin?"
            ),
        ),
        (
            HEAD + "windows: [{kind: deny, cron: 0 0 * * *, duration: 0s}]\n",
            (
                ".reconciler.yaml:3:51: error[bad-duration] windows[0].duration: '0s' is not "
                "greater than zero\n  hint: write it as 90s, 10m or 1h30m"
            ),
        ),
        (
            HEAD + "windows: [{kind: deny, cron: 0 0 * * *}]\n",
            ".reconciler.yaml:3:11: error[missing-field] windows[0].duration is missing",
        ),
        (
            HEAD + "windows: [{kind: never, cron: 0 0 * * *, duration: 1h}]\n",
            (
                ".reconciler.yaml:3:18: error[bad-value] windows[0].kind is 'never'; expected "
                "allow or deny"
            ),
        ),
        (
            HEAD + "rollout: {maxPerNode: 0}\n",
            (
                ".reconciler.yaml:3:23: error[bad-value] rollout.maxPerNode is 0; expected at "
                "least 1"
            ),
        ),
        (
            HEAD + "rollout: {failedMigrations: 0}\n",
            (
                ".reconciler.yaml:3:29: error[bad-value] rollout.failedMigrations is 0; expected "
                "at least 1"
            ),
        ),
        (
            HEAD + "rollout:\n  batches:\n  - selector: tier=db\n  - tier=web\n",
            (
                ".reconciler.yaml:6:5: error[wrong-type] rollout.batches[1] is "
                "a string of 8 characters; expected a mapping"
            ),
        ),
        (
            HEAD + "rollout:\n  batches:\n  - selector: tier in web\n",
            (
                ".reconciler.yaml:5:15: error[bad-selector] rollout.batches[0].selector: "
                "condition 1 of the label selector is a string of 11 characters, which is not a "
                "label condition\n  hint: write a=b, a!=b, a in (b,c), a notin (b,c), a or !a"
            ),
        ),
        (
            HEAD + "rollout: {canary: {selector: canary}}\n",
            ".reconciler.yaml:3:19: error[missing-field] rollout.canary.soak is missing",
        ),
        (
            HEAD + "rollout: {canary: {selector: '', soak: 1h}}\n",
            ".reconciler.yaml:3:30: error[bad-value] rollout.canary.selector is empty",
        ),
        (
            HEAD + "rollout: {antiAffinity: [app, 'quorum=etcd']}\n",
            (
                ".reconciler.yaml:3:31: error[bad-label] rollout.antiAffinity[1]: 'quorum=etcd' "
                "is not a label key\n  hint: write a key such as app or "
                "app.kubernetes.io/instance"
            ),
        ),
        (
            HEAD + "rollout: {holdWhile: [Known, 'up == 0']}\n",
            (
                ".reconciler.yaml:3:30: error[bad-alert-matcher] rollout.holdWhile[1]: a string "
                "of 7 characters is not an alert matcher\n  hint: write NAME or "
                'NAME{label="value"}, for example CephHealthError{severity="critical"}'
            ),
        ),
        (
            HEAD + "rollout: {timeouts: {migration: 1h}}\n",
            (
                ".reconciler.yaml:3:22: error[unknown-field] rollout.timeouts.migration is not a "
                "known field\n  hint: KubeVirt limits the time of a migration: set "
                "completionTimeoutPerGiB and progressTimeout under migrations of the KubeVirt CR"
            ),
        ),
        (
            HEAD + "selector: a in b\n",
            (
                ".reconciler.yaml:3:11: error[bad-selector] selector: condition 1 of the label "
                "selector is a string of 6 characters, which is not a label condition\n  hint: "
                "write a=b, a!=b, a in (b,c), a notin (b,c), a or !a"
            ),
        ),
        (
            HEAD + "paths: [../x]\n",
            (
                ".reconciler.yaml:3:9: error[bad-path] paths[0]: '../x' is not a path inside the "
                "repository\n  hint: use a path relative to its root, with '/' and without '..'"
            ),
        ),
        (
            "apiVersion: reconciler/v1\nkind: Config\n",
            (
                ".reconciler.yaml:1:13: error[bad-value] apiVersion is 'reconciler/v1'; expected "
                "reconciler/v1alpha1\n  hint: did you mean reconciler/v1alpha1?"
            ),
        ),
        (
            HEAD + "mode: [\n",
            (
                ".reconciler.yaml:4:1: error[not-yaml] a value is missing\n"
                "  hint: check the indentation, quotes and brackets here and in the lines before"
            ),
        ),
        (
            HEAD + "---\n" + HEAD,
            (
                ".reconciler.yaml:4:1: error[extra-document] the configuration must be a "
                "single document, but this is a second one"
            ),
        ),
        (
            "- a\n",
            ".reconciler.yaml:1:1: error[wrong-type] the document is a list; expected a mapping",
        ),
    ],
)
def test_mistake_in_the_configuration_is_reported_once_at_its_location(text, expected):
    assert [text_of(each) for each in read(text).diagnostics] == [expected]


def test_invalid_configuration_value_is_replaced_by_the_default():
    config = read(HEAD + "mode: never\ncreate: true\nselector: '='\npaths: [a, /b]\n").config
    assert config == Config(create=True)


def test_restarts_allowed_only_in_maintenance_windows_cause_a_warning_without_an_allow_window():
    windows = "windows: [{kind: allow, cron: 0 2 * * *, duration: 2h}]\n"
    assert read(HEAD + "restart: window\n" + windows).diagnostics == ()
    (found,) = read(HEAD + "restart: window\n" + windows.replace("allow", "deny")).diagnostics
    assert (found.severity, found.code) == ("warning", "no-window")


def test_invalid_maintenance_window_in_the_configuration_disables_all_windows():
    windows = "windows:\n- {kind: allow, cron: 0 2 * * *, duration: 2h}\n- {kind: deny, cron: x}\n"
    result = read(HEAD + "restart: window\n" + windows)
    assert result.config.windows == ()
    assert {each.code for each in result.diagnostics} == {"bad-cron", "missing-field"}


@pytest.mark.parametrize("broken", ["mode: [", "mode: 'observe"])
def test_unreadable_configuration_in_an_input_stream_is_an_error(broken):
    text = f"kind: ConfigMap\na: [\n---\n{HEAD}{broken}\n---\nkind: List\n".encode()
    found = stream_config([("stdin", text)])
    assert (found.invalid, [each.code for each in found.diagnostics]) == (True, ["not-yaml"])
    state = StreamReader([("stdin", text)]).read().state
    assert (state.unusable, [each.code for each in state.diagnostics]) == (True, ["not-yaml"])
