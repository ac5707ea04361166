"""From ways that were found to quotes for the user's agent: terms, validity, score, the way there. Pure.

A seller is called by the operator that its network leads to, as one changes operators and not access points; where
nothing says how to join by Wi-Fi, by the provider. Terms hold until the offer or the word on how to join expires. What
was paid for and still lasts costs nothing, until it is over.
"""

from collections.abc import Iterable

from device.choice import Wish
from device.metered_choice import Manner, Plan, Want
from device.state import HeldGrant
from market.agent.quotes import Metered, PostedPrice, Quote, Step

NAME_DIGITS = 10
"""Of an account: enough for people to tell sellers apart."""


def quote_of(way: Plan, paid_for_s: int = 0) -> Quote:
    """`paid_for_s`: so long a grant of this provider lasts that was bought before (`paid_for_s` below)."""
    candidate = way.candidate
    offer, network = candidate.offer, candidate.network
    account = candidate.announcement.provider if network is None else network.operator
    seller, place = str(account)[:NAME_DIGITS], str(offer.bssid)
    attach = () if network is None else (Step.ATTACH,)
    if way.manner is Manner.METERED:
        assert network is not None
        assert network.tariff is not None
        terms = Metered(network.tariff, way.left_ubc)
        return Quote(seller, terms, network.expires_s, way.score.ppm, attach, place)
    until_s = offer.expires_s if network is None else min(offer.expires_s, network.expires_s)
    if paid_for_s:
        return Quote(seller, PostedPrice(0, paid_for_s), until_s, way.score.ppm, attach, place)
    later_ubc = candidate.most_ubc - candidate.price_ubc
    posted = PostedPrice(candidate.price_ubc, offer.allocation_duration_s, later_ubc)
    return Quote(seller, posted, until_s, way.score.ppm, (*attach, Step.CONTRACT), place)


def paid_for_s(way: Plan, held: Iterable[HeldGrant], want: Want, now_s: int) -> int:
    """How long what was paid for before lasts at this provider, if it serves what is wanted; else 0."""
    wish, provider_id = (
        Wish(want.floor_down_bps, want.floor_up_bps),
        way.candidate.announcement.provider.provider_id,
    )
    ends_s = (
        one.grant.ends_s for one in held if one.grant.provider_id == provider_id and one.serves(wish, now_s)
    )
    return max(0, max(ends_s, default=now_s) - now_s) if way.manner is Manner.GRANT else 0
