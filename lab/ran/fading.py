"""The channel of one UE: a mean signal-to-noise ratio, slow shadows and fast fading, from a seed.

Fast fading is a sum of independent paths, each a complex Gaussian that forgets its past at the pace of walking; more
paths are a wider or richer channel, and fade less. Its mean power is 1, so that the mean ratio means what it says.
Shadows are a Gaussian in dB with a memory of seconds.
Reference: Clarke's model (the correlation of a path is J0(2 pi fd t)), here as a process of the first order.
Units: dB, seconds.
"""

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FadingSettings:
    """How a channel moves. `paths` 0 is a channel that does not fade."""

    paths: int = 4
    coherence_s: float = 0.04
    """After so long a path is half itself: about 3 km/h at 3.5 GHz."""
    shadow_db: float = 2.0
    shadow_memory_s: float = 8.0


STATIC = FadingSettings(paths=0, shadow_db=0.0)


class Channel:
    """The ratio of now; `advance` moves it on. Equal seeds give equal channels."""

    __slots__ = ("_im", "_random", "_re", "_settings", "_shadow", "mean_snr_db")

    def __init__(self, mean_snr_db: float, settings: FadingSettings, seed: int) -> None:
        self.mean_snr_db = mean_snr_db
        self._settings = settings
        self._random = random.Random(seed)
        spread = math.sqrt(0.5 / settings.paths) if settings.paths else 0.0
        self._re = [self._random.gauss(0, spread) for _ in range(settings.paths)]
        self._im = [self._random.gauss(0, spread) for _ in range(settings.paths)]
        self._shadow = self._random.gauss(0, settings.shadow_db)

    @property
    def snr_db(self) -> float:
        """Of this moment."""
        if not self._settings.paths:
            return self.mean_snr_db + self._shadow
        power = sum(re * re + im * im for re, im in zip(self._re, self._im, strict=True))
        return self.mean_snr_db + self._shadow + 10 * math.log10(max(power, 1e-6))

    def advance(self, seconds: float) -> None:
        """What the channel becomes after so long."""
        given = self._settings
        if given.paths:
            kept = 0.5 ** (seconds / given.coherence_s)
            spread = math.sqrt((1 - kept * kept) * 0.5 / given.paths)
            gauss = self._random.gauss
            self._re = [kept * value + gauss(0, spread) for value in self._re]
            self._im = [kept * value + gauss(0, spread) for value in self._im]
        if given.shadow_db:
            kept = math.exp(-seconds / given.shadow_memory_s)
            self._shadow = kept * self._shadow + self._random.gauss(
                0, given.shadow_db * math.sqrt(1 - kept * kept)
            )
