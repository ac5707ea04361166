"""From ways that were found to quotes for the user's agent: terms, validity, score, the way there. Pure.

A seller is called by the operator that its network leads to, as one changes operators and not access points; where
nothing says how to join by Wi-Fi, by the provider. Terms hold until the offer or the word on how to join expires. What
was paid for and still lasts costs nothing, until it is over. Where use is billed afterwards there is no bound that an
envelope could keep.
"""

from collections.abc import Iterable

from device.choice import Wish
from device.metered_choice import Manner, Plan, Want
from device.state import HeldGrant, Signed
from market.agent.quotes import Metered, PostedPrice, Quote, Step

NAME_DIGITS = 10
"""Of an account: enough for people to tell sellers apart."""


def quote_of(way: Plan, paid_for_s: int = 0, *, bounded: bool = True) -> Quote:
    """`paid_for_s`: so long a grant of this provider lasts that was bought before (`paid_for_s` below). `bounded`:
    False where what comes of a purchase is billed by its use (`waits_for_use` below).
    """
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
    bounded = bounded and offer.qos.usage is None
    if paid_for_s:
        return Quote(seller, PostedPrice(0, paid_for_s, bounded), until_s, way.score.ppm, attach, place)
    posted = PostedPrice(candidate.price_ubc, offer.allocation_duration_s, bounded)
    return Quote(seller, posted, until_s, way.score.ppm, (*attach, Step.CONTRACT), place)


def paid_for_s(way: Plan, held: Iterable[HeldGrant], want: Want, now_s: int) -> int:
    """How long what was paid for before lasts at this provider, if it serves what is wanted and its use costs nothing;
    else 0.
    """
    wish, provider_id = (
        Wish(want.floor_down_bps, want.floor_up_bps),
        way.candidate.announcement.provider.provider_id,
    )
    ends_s = (
        one.grant.ends_s for one in held if one.grant.provider_id == provider_id and one.serves(wish, now_s)
    )
    return max(0, max(ends_s, default=now_s) - now_s) if way.manner is Manner.GRANT else 0


def waits_for_use(way: Plan, unanswered: Iterable[Signed], now_s: int) -> bool:
    """Whether an earlier purchase of this provider has no answer yet, whose use is billed: whoever buys there gets what
    it bought.
    """
    provider = way.candidate.announcement.provider
    return way.manner is Manner.GRANT and any(
        one.allocate.provider == provider and one.offer.qos.usage is not None and one.matters_until_s > now_s
        for one in unanswered
    )
