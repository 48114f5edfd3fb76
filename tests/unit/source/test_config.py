"""``.reconciler.yaml``: safe defaults, every value with its origin, every slip with its place."""

import pytest

from reconciler.model.config import CONFIG_KEYS, Config, Mode, RestartConsent
from reconciler.model.quantity import Duration
from reconciler.model.refs import Location
from reconciler.model.selector import Selector
from reconciler.source.config import parse_config
from reconciler.source.objects import SourceFile

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Config\n"


def read(text):
    return parse_config(SourceFile(path=".reconciler.yaml", revision="abc"), text.encode())


def test_the_defaults_are_safe():
    config = Config()
    assert (config.mode, config.paths, config.selector) == (Mode.ENFORCE, (".",), Selector())
    assert (config.create, config.restart) == (False, RestartConsent.NEVER)
    assert (config.max_concurrent, config.failure_budget, config.cluster) == (None, 3, None)
    assert (config.guest_timeout.seconds, config.settle_timeout.seconds) == (300, 300)
    assert {config.origin(key) for key in CONFIG_KEYS} == {"default"}


def test_every_value_is_read_and_knows_its_place():
    result = read(
        HEAD + "mode: observe\npaths: [vms, infra/kubevirt.yaml]\nselector: tier in (db)\n"
        "cluster: 6e0c\ncreate: yes\nrestart: stage\nrollout:\n  maxConcurrent: 4\n"
        "  failureBudget: 1\n  timeouts: {guest: 90s, settle: 10m}\n"
    )
    assert result.diagnostics == ()
    config = result.config
    assert config == Config(
        mode=Mode.OBSERVE,
        paths=("vms", "infra/kubevirt.yaml"),
        selector=Selector.parse("tier in (db)"),
        cluster="6e0c",
        create=True,
        restart=RestartConsent.STAGE,
        max_concurrent=4,
        failure_budget=1,
        guest_timeout=Duration.parse("90s"),
        settle_timeout=Duration.parse("10m"),
    )
    assert config.origin("rollout.timeouts.guest") == Location(
        path=".reconciler.yaml", line=12, column=21, revision="abc"
    )
    assert all(isinstance(config.origin(key), Location) for key in CONFIG_KEYS)


def test_a_flag_overrides_the_file_and_says_so():
    config = read(HEAD + "mode: observe\n").config.overridden(
        {"mode": Mode.ENFORCE}, "flag --mode"
    )
    assert (config.mode, config.origin("mode")) == (Mode.ENFORCE, "flag --mode")
    assert config.value("mode") is Mode.ENFORCE


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_all_defaults(text):
    assert (read(text).config, read(text).diagnostics) == (Config(), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + "rollout:\n  failurebudget: 3\n",
            (
                ".reconciler.yaml:4:3: error[unknown-field] rollout.failurebudget is not a "
                "known field"
                "\n  hint: did you mean failureBudget? allowed: failureBudget, "
                "maxConcurrent, timeouts"
            ),
        ),
        (
            HEAD + "restart: window\n",
            (
                ".reconciler.yaml:3:10: error[not-supported] restart: window is not "
                "supported yet\n"
                "  hint: write never, or stage to let the VM's next restart take the change"
            ),
        ),
        (
            HEAD + "windows: []\n",
            ".reconciler.yaml:3:1: error[not-supported] windows is not supported yet",
        ),
        (
            HEAD + "rollout: {maxPerNode: 1}\n",
            ".reconciler.yaml:3:11: error[not-supported] rollout.maxPerNode is not supported yet",
        ),
        (
            HEAD + "selector: a in b\n",
            (
                ".reconciler.yaml:3:11: error[bad-selector] selector: 'a in b' is no label "
                "condition "
                "(in the selector 'a in b')\n"
                "  hint: write a=b, a!=b, a in (b,c), a notin (b,c), a or !a"
            ),
        ),
        (
            HEAD + "paths: [../x]\n",
            (
                ".reconciler.yaml:3:9: error[bad-path] paths[0]: '../x' is no path inside the "
                "repository\n  hint: write it from the root, with '/' and without '..'"
            ),
        ),
        (
            "apiVersion: reconciler/v1\nkind: Config\n",
            (
                '.reconciler.yaml:1:13: error[bad-value] apiVersion is "reconciler/v1"; expected '
                "reconciler/v1alpha1\n  hint: did you mean reconciler/v1alpha1?"
            ),
        ),
        (
            HEAD + "mode: [\n",
            (
                ".reconciler.yaml:4:1: error[not-yaml] while parsing a flow node expected "
                "the node "
                "content, but found '<stream end>'\n"
                "  hint: check the indentation, quotes and brackets here and in the lines before"
            ),
        ),
        (
            HEAD + "---\n" + HEAD,
            (
                ".reconciler.yaml:4:1: error[extra-document] the configuration is one "
                "document, and "
                "this is another one"
            ),
        ),
        (
            "- a\n",
            ".reconciler.yaml:1:1: error[wrong-type] the document is a list; expected a mapping",
        ),
    ],
)
def test_each_slip_is_one_message_at_its_place(text, expected):
    assert [str(each) for each in read(text).diagnostics] == [expected]


def test_a_value_that_is_not_valid_has_its_default_and_the_others_hold():
    config = read(HEAD + "mode: never\ncreate: true\nselector: '='\npaths: [a, /b]\n").config
    assert config == Config(create=True)


def test_a_time_out_that_nothing_heeds_is_not_accepted():
    (found,) = read(HEAD + "rollout: {timeouts: {migration: 1h}}\n").diagnostics
    assert (found.code, found.message) == (
        "not-supported",
        "rollout.timeouts.migration is not supported yet",
    )
