"""From ways that were found to quotes for the user's agent: terms, validity, score, the way there. Pure.

A seller is called by the operator that its network leads to, as one changes operators and not access points; where
nothing says how to join by Wi-Fi, by the provider. Terms hold until the offer or the word on how to join expires.
"""

from device.metered_choice import Manner, Plan
from market.agent.quotes import Metered, PostedPrice, Quote, Step

NAME_DIGITS = 10
"""Of an account: enough for people to tell sellers apart."""


def quote_of(way: Plan, deposited_ubc: int) -> Quote:
    """`deposited_ubc`: with its operator, above which nothing can be signed."""
    candidate = way.candidate
    offer, network = candidate.offer, candidate.network
    account = candidate.announcement.provider if network is None else network.operator
    seller, place = str(account)[:NAME_DIGITS], str(offer.bssid)
    attach = () if network is None else (Step.ATTACH,)
    if way.manner is Manner.METERED:
        assert network is not None
        assert network.tariff is not None
        terms = Metered(network.tariff, deposited_ubc)
        return Quote(seller, terms, network.expires_s, way.score.ppm, attach, place)
    until_s = offer.expires_s if network is None else min(offer.expires_s, network.expires_s)
    later_ubc = candidate.most_ubc - candidate.price_ubc
    posted = PostedPrice(candidate.price_ubc, offer.allocation_duration_s, later_ubc)
    return Quote(seller, posted, until_s, way.score.ppm, (*attach, Step.CONTRACT), place)
