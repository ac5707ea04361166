# What of ours runs in the compose labs: the cellular part of the box, without a dependency, on any image with Python 3.11.
#
# Built from the repository's root by compose (box.yaml). BASE may be an image of your own.
ARG BASE=python:3.11.9-slim-bookworm
FROM ${BASE}
WORKDIR /airgrant
COPY wire/ wire/
COPY ran_slicing/ ran_slicing/
COPY lab/__init__.py lab/__init__.py
COPY lab/ran/__init__.py lab/ran/__init__.py
COPY lab/ran/cell_loop.py lab/ran/cell_loop.py
COPY lab/compose/*.py lab/compose/
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python3", "-m", "lab.compose"]
