"""The text that Prometheus reads: families of samples in its exposition format 0.0.4.

In: families with integers (a quantity with decimals says how many). Out: the page. Refuses what Prometheus or its
conventions would: names, kinds that a name contradicts, labels, samples that are there twice. It measures nothing, and
does not know what a name means.

Reference: Prometheus, "Exposition formats" (text-based) and "Metric and label naming".
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from wire.frozen import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_LABEL_CHARS = 64
MAX_WORDS = 200
"""Values of one label; should words of ours ever be more, the rest is OTHER."""
MAX_WORD_CHARS = 48
OTHER = "other"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PLAIN = re.compile(r"[a-z]+(_[a-z]+)*")
_RESERVED = ("_total", "_count", "_sum", "_bucket", "_info")
"""Ends of names that say what kind of metric it is."""
_SCALED = (
    "_milliseconds",
    "_ms",
    "_kilobytes",
    "_minutes",
    "_percent",
    "_ppm",
    "_bps",
    "_bits",
    "_bits_per_second",
    "_s",
)
"""Prometheus wants base units: seconds, bytes, ratios."""


class Kind(Enum):
    """What a family is; the values are the words of the format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    """One number: `value` in units of ten to the minus `decimals`."""

    value: int
    labels: tuple[tuple[str, str], ...] = ()
    decimals: int = 0
    suffix: str = ""
    """`_bucket`, `_sum` or `_count` of a histogram."""


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name. Raises ValueError for what Prometheus, or its conventions, would refuse."""

    name: str
    kind: Kind
    told: str
    """What it is, in a sentence."""
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: not a name: small letters, digits, single underscores")
        if self.name.endswith(_SCALED):
            raise ValueError(f"{self.name}: not in a base unit: bytes, seconds, ratio")
        is_counter = self.kind is Kind.COUNTER
        if is_counter is not self.name.endswith("_total") or (
            not is_counter and self.name.endswith(_RESERVED)
        ):
            raise ValueError(
                f"{self.name}: a {self.kind.value} is not called so: counters, and they alone, end in _total"
            )
        if not self.told.strip():
            raise ValueError(f"{self.name}: nothing says what it is")
        for sample in self.samples:
            self._check(sample)
        keys = [(sample.suffix, frozenset(sample.labels)) for sample in self.samples]
        if len(keys) != len(set(keys)):
            raise ValueError(f"{self.name}: a sample is there twice")

    def _check(self, sample: Sample) -> None:
        histogram = self.kind is Kind.HISTOGRAM
        if (sample.suffix in ("_bucket", "_sum", "_count")) is not histogram or (
            sample.suffix and not histogram
        ):
            raise ValueError(f"{self.name}: {sample.suffix or 'no suffix'} is not of a {self.kind.value}")
        if sample.value < 0 and self.kind is not Kind.GAUGE:
            raise ValueError(f"{self.name}: {sample.value} is below 0, and nothing counts so far down")
        names = [name for name, _ in sample.labels]
        if len(names) != len(set(names)) or ("le" in names) is not (sample.suffix == "_bucket"):
            raise ValueError(f"{self.name}: labels {names}: one is there twice, or `le` is out of place")
        for name, value in sample.labels:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{self.name}: {name!r} is not the name of a label")
            if len(value) > MAX_LABEL_CHARS:
                raise ValueError(
                    f"{self.name}: {name}: {len(value)} characters are more than {MAX_LABEL_CHARS}"
                )


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram of durations remembers: how many lasted at most so long, milliseconds; the last bucket has
    the others.
    """

    bounds_ms: tuple[int, ...]
    counts: tuple[int, ...] = ()
    sum_ns: int = 0

    def with_one(self, duration_ns: int) -> "Buckets":
        """The same with one duration more."""
        place = sum(duration_ns > bound * 1_000_000 for bound in self.bounds_ms)
        counts = list(self.counts or (0,) * (len(self.bounds_ms) + 1))
        counts[place] += 1
        return Buckets(self.bounds_ms, tuple(counts), self.sum_ns + duration_ns)

    def samples(self) -> tuple[Sample, ...]:
        """Cumulative, in seconds, as a histogram has them."""
        counts = self.counts or (0,) * (len(self.bounds_ms) + 1)
        bounds = [*(_format_number(bound, 3) for bound in self.bounds_ms), "+Inf"]
        buckets = tuple(
            Sample(sum(counts[: place + 1]), (("le", bound),), suffix="_bucket")
            for place, bound in enumerate(bounds)
        )
        return (
            *buckets,
            Sample(self.sum_ns, decimals=9, suffix="_sum"),
            Sample(sum(counts), suffix="_count"),
        )


def format_metrics(families: Iterable[Family]) -> str:
    """The page. Raises ValueError for a name that comes twice."""
    lines: list[str] = []
    seen: set[str] = set()
    for family in families:
        if family.name in seen:
            raise ValueError(f"{family.name}: comes twice")
        seen.add(family.name)
        told = family.told.replace("\\", "\\\\").replace("\n", "\\n")
        lines += [f"# HELP {family.name} {told}", f"# TYPE {family.name} {family.kind.value}"]
        lines += [
            f"{family.name}{sample.suffix}{_format_labels(sample)} {_format_number(sample.value, sample.decimals)}"
            for sample in family.samples
        ]
    return "\n".join(lines) + "\n" if lines else ""


def count_words(name: str, label: str, counted: Mapping[str, int], told: str) -> Family:
    """A counter by word, out of counters that are called in sentences: `Interim-Update` is `interim_update`. Whatever
    is more than a few small letters, as an account, an address, or what a stranger wrote, is counted as `other`.
    """
    kept: dict[str, int] = {}
    for text, count in counted.items():
        word = _word(text)
        place = word if word in kept or len(kept) < MAX_WORDS else OTHER
        kept[place] = kept.get(place, 0) + count
    samples = tuple(Sample(count, ((label, word),)) for word, count in sorted(kept.items()))
    return Family(name, Kind.COUNTER, told, samples)


def _word(text: str) -> str:
    parted = re.sub(r"(?<=[a-z])([A-Z])", r" \1", text).lower().replace("'", "")
    word = re.sub(r": |[ ,\-]+", "_", parted)
    return word if len(word) <= MAX_WORD_CHARS and _PLAIN.fullmatch(word) else OTHER


def _format_labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in sample.labels)
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _format_number(value: int, decimals: int) -> str:
    """Exactly, without trailing zeros."""
    if not decimals:
        return str(value)
    whole, rest = divmod(abs(value), 10**decimals)
    digits = f"{rest:0{decimals}d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' + digits if digits else ''}"
