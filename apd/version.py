"""The version of Airgrant, in one place."""

VERSION = "0.1.0"
