# The base image is named by tag. Pin it by digest in the pipeline that builds the image, where the digest can
# be verified.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# Every file is checked against the lock once, here. Later steps install only from /wheels.
COPY requirements.lock requirements-run.lock ./
RUN pip download --require-hashes --no-deps -r requirements.lock -d /wheels
RUN pip install --no-index --find-links /wheels hatchling
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY reconciler ./reconciler
COPY schemas ./schemas
COPY examples ./examples
RUN pip wheel --no-index --no-deps --no-build-isolation -w /wheels .
# Installs the run-time dependencies and not the development tools, as .github/actions/install does.
RUN python -m venv /opt/reconciler \
 && /opt/reconciler/bin/pip install --no-index --find-links /wheels --require-hashes --no-deps -r requirements-run.lock \
 && /opt/reconciler/bin/pip install --no-index --no-deps /wheels/kubevirt_memory_reconciler-*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="kubevirt-memory-reconciler" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git gpg openssh-client openssl \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/reconciler /opt/reconciler
# The root file system may be read-only: clones and everything else that is written go to /tmp. A process that a
# library crashes prints the functions of all its threads on stderr. glibc keeps freed memory for each thread in one of 8 arenas
# for each core. With two arenas, reconciler serve needed 90 MB instead of 103 MB for 300 VMs.
ENV HOME=/tmp MALLOC_ARENA_MAX=2 PATH=/opt/reconciler/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
USER 65532:65532
WORKDIR /tmp
HEALTHCHECK NONE
ENTRYPOINT ["reconciler"]
CMD ["--help"]
