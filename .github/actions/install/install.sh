#!/usr/bin/env bash
# Installs a release in a new environment. The hash of each downloaded file is checked: that of the wheel is $SHA256, and
# those of the dependencies are in requirements-run.lock, at the commit of this action.
# usage: VERSION=0.1.0 SHA256=… [WHEEL=path or URL] install.sh
set -euo pipefail
if ! [[ "$SHA256" =~ ^[0-9a-f]{64}$ ]]; then
  echo "::error::the input sha256 is not a SHA-256 hash with 64 lower-case hexadecimal digits; copy it from the release notes"
  exit 1
fi
root=${BASH_SOURCE[0]%/*}/../../..
environment=$(mktemp -d "$RUNNER_TEMP/reconciler.XXXXXX")
echo "${WHEEL:-kubevirt-memory-reconciler==$VERSION} --hash=sha256:$SHA256" > "$environment/release.txt"
python3 -m venv "$environment"
for list in "$root/requirements-run.lock" "$environment/release.txt"; do
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --only-binary :all: --require-hashes --no-deps --requirement "$list"
done
"$environment/bin/reconciler" --version
echo "$environment/bin" >> "$GITHUB_PATH"
