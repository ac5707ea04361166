"""Message identifiers of cell broadcasts, and the refusal to use one of the public warning system.

Phones wake their owners for 4352 to 6399, by law and whatever the text: earthquakes, tsunamis, presidential alerts. No
setting and no caller gets Airgrant to send one. `own_identifier` is asked where settings are read, and again where a
broadcast is encoded, as the last of our code that sees it.
Reference: 3GPP TS 23.041, clause 9.4.1.2.2.
"""

from wire.errors import ConfigError

U16_MAX = 0xFFFF

PUBLIC_WARNING = range(0x1100, 0x1900)
"""4352 to 6399, also what of it is not assigned yet."""

AIRGRANT = 0xA247
"""41543, the default. A000 to AFFF hex belong to each operator for itself: a phone drops them unless they come from its
own home network, and shows none that its owner did not ask for."""


def own_identifier(value: int, where: str = "message_identifier") -> int:
    """The identifier, if we may use it. Raises ConfigError, which begins with `where` ("file: section.key")."""
    if not 0 <= value <= U16_MAX:
        raise ConfigError(f"{where}: {value} is outside 0..{U16_MAX}")
    if value in PUBLIC_WARNING:
        raise ConfigError(
            f"{where}: {value} belongs to public warning ({PUBLIC_WARNING[0]} to {PUBLIC_WARNING[-1]}, "
            f"3GPP TS 23.041 clause 9.4.1.2.2) and is never used; {AIRGRANT} is ours by default"
        )
    return value
