# The daemon, its operator and a buyer, for the compose lab `apd`: the product with what it depends on, the ledger, and the
# broker. Built from the repository's root by compose (apd.yaml). BASE may be an image of your own, Debian 12 or later.
ARG BASE=python:3.11.9-slim-bookworm
FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends iproute2 mosquitto nftables \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /airgrant
COPY pyproject.toml pyproject.toml
COPY requirements.lock requirements.lock
# The versions of requirements.lock, without the hashes: pip takes those for all that it installs or for nothing.
RUN sed --regexp-extended '/^ *(--hash|#)/d; s/\[[a-z,]+\]//; s/ *\\$//' requirements.lock > /tmp/versions \
    && python3 -c "import tomllib; own = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*own['dependencies'], *own['optional-dependencies']['operator'], sep='\n')" > /tmp/wanted \
    && python3 -m pip install --no-cache-dir --requirement /tmp/wanted --constraint /tmp/versions
COPY airgrant.py airgrant.py
COPY wire/ wire/
COPY market/ market/
COPY nas_tunnel/ nas_tunnel/
COPY tc_shaper/ tc_shaper/
COPY ran_slicing/ ran_slicing/
COPY ledger/ ledger/
COPY apd/ apd/
COPY device/ device/
COPY lab/*.py lab/
COPY lab/ran/__init__.py lab/ran/__init__.py
COPY lab/ran/cell_loop.py lab/ran/cell_loop.py
COPY lab/compose/*.py lab/compose/
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python3", "-m"]
