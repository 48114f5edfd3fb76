"""``GitHubDescription``: checks requests and responses against GitHub's OpenAPI description.

The npm package @octokit/openapi contains the description. ``.ci/tools.py`` installs it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[3] / (
    ".ci/node_modules/@octokit/openapi/generated/api.github.com.json"
)
_ID = "urn:github"


class GitHubDescription:
    """The operations of GitHub's REST API, loaded from GitHub's OpenAPI description."""

    def __init__(self) -> None:
        self.document = json.loads(FILE.read_text(encoding="utf-8"))
        components = {"components": _json_schema(self.document["components"])}
        resource = DRAFT202012.create_resource(components)
        self._registry = Registry().with_resource(_ID, resource)
        self._operations: dict[tuple[str, str], dict] = {}
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> dict:
        """Return the OpenAPI operation for a request; fails if GitHub's API has no such path."""
        key = (method.lower(), path)
        if key not in self._operations:
            found = [
                operations[method.lower()]
                for template, operations in self.document["paths"].items()
                if method.lower() in operations
                and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path)
            ]
            assert found, f"GitHub has no {method} {path}"
            self._operations[key] = found[0]
        return self._operations[key]

    def check_request(self, method: str, path: str, query: dict, body: object) -> None:
        found = self.operation(method, path)
        parameters = [self._resolved(each) for each in found.get("parameters", ())]
        known = {each["name"]: each for each in parameters if each["in"] == "query"}
        assert query.keys() <= known.keys(), f"unknown parameters in {query}"
        if "requestBody" not in found:
            assert body is None
            return
        content = found["requestBody"]["content"]["application/json"]["schema"]
        self._validate(content, body)
        properties = self._resolved(content).get("properties", {})
        assert body.keys() <= properties.keys(), f"unknown fields in {body.keys()}"

    def check_answer(self, method: str, path: str, status: int, body: object) -> None:
        """Check the body of a successful response against GitHub's OpenAPI schema."""
        answers = self.operation(method, path)["responses"]
        assert str(status) in answers, f"{method} {path} never answers {status}"
        content = self._resolved(answers[str(status)]).get("content", {})
        if "application/json" in content:
            self._validate(content["application/json"]["schema"], body)

    def example(self, method: str, path: str, status: int) -> object:
        """Build the smallest response body that is valid against GitHub's OpenAPI schema."""
        answer = self._resolved(self.operation(method, path)["responses"][str(status)])
        return self._example(answer["content"]["application/json"]["schema"])

    def example_of(self, name: str) -> dict:
        """Build the smallest value that is valid against GitHub's OpenAPI schema *name*."""
        return self._example({"$ref": f"#/components/schemas/{name}"})

    def _validate(self, schema: dict, value: object) -> None:
        text = json.dumps(schema, sort_keys=True)
        if text not in self._validators:
            self._validators[text] = Draft202012Validator(
                _absolute(_json_schema(schema)),
                registry=self._registry,
                format_checker=FormatChecker(),
            )
        self._validators[text].validate(value)

    def _resolved(self, schema: dict) -> dict:
        while "$ref" in schema:
            found = self.document
            for key in schema["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            schema = found
        return schema

    def _example(self, schema: dict) -> object:
        schema = self._resolved(schema)
        if schema.get("nullable"):
            return None
        for combined in ("oneOf", "anyOf"):
            if combined in schema:
                return self._example(schema[combined][0])
        if "allOf" in schema:
            parts = [self._example(each) for each in schema["allOf"]]
            return {key: value for part in parts for key, value in part.items()}
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        if kind == "object":
            properties = schema.get("properties", {})
            return {name: self._example(properties[name]) for name in schema.get("required", ())}
        texts = {"uri": "https://example.com/", "date-time": "2026-03-02T09:30:00Z"}
        values = {"array": [], "boolean": False, "integer": 1, "number": 1}
        return values[kind] if kind in values else texts.get(schema.get("format"), "text")


def _absolute(value: object) -> object:
    """Convert the local references of a schema to references into the OpenAPI components."""
    if isinstance(value, list):
        return [_absolute(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{_ID}{each}" if key == "$ref" else _absolute(each) for key, each in value.items()
    }


def _json_schema(value: object) -> object:
    """Convert an OpenAPI schema to JSON Schema: ``nullable`` becomes a union with null."""
    if isinstance(value, list):
        return [_json_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _json_schema(each) for key, each in value.items() if key != "example"}
    if value.get("nullable") is True:
        plain.pop("nullable")
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
