"""Message identifiers of cell broadcasts: those that an operator has for itself, and the refusal of all others.

Phones wake their owners for identifiers of public warning, by law and whatever the text: earthquakes, tsunamis,
presidential alerts. 3GPP has a range for them and one behind it; nations have others, and no list of those is ever
whole. So it is not listed what is forbidden, but what is allowed. No setting and no caller gets Airgrant to send
another. `own_identifier` is asked where settings are read, and again where a broadcast is encoded, as the last of our
code that sees it.
Reference: 3GPP TS 23.041, clause 9.4.1.2.2; ETSI TS 102 900 (EU-Alert).
"""

from wire.errors import ConfigError

U16_MAX = 0xFFFF

OWN = range(0xA000, 0xB000)
"""40960 to 45055, for each operator itself: a phone drops them unless they come from its own home network, and shows
none that its owner did not ask for."""

AIRGRANT = 0xA247
"""41543, the default."""

PUBLIC_WARNING = range(0x1100, 0x1901)
"""4352 to 6399, also what of it is not assigned yet, and 6400, which is EU-Info."""

NATIONAL_WARNING = frozenset({50, 911, 919})
"""Where alerts live by national custom, of which there are more; these are named so that a refusal can say why."""


def is_public_warning(value: int) -> bool:
    """Whether it is known to be. Others may be all the same: what is sent has to be in OWN."""
    return value in PUBLIC_WARNING or value in NATIONAL_WARNING


def own_identifier(value: int, where: str = "message_identifier") -> int:
    """The identifier, if it is a whole number in OWN. Raises ConfigError, which begins with `where` ("file:
    section.key").
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{where}: {value!r} is no whole number")
    if not 0 <= value <= U16_MAX:
        raise ConfigError(f"{where}: {value} is outside 0..{U16_MAX}")
    if value not in OWN:
        whose = (
            "belongs to public warning" if is_public_warning(value) else "may be somebody's public warning"
        )
        raise ConfigError(
            f"{where}: {value} {whose} and is never used; an operator's own are {OWN[0]} to {OWN[-1]} "
            f"(3GPP TS 23.041 clause 9.4.1.2.2), {AIRGRANT} is ours by default"
        )
    return value
