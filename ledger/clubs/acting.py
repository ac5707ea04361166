"""The two actions of clubs, each to its rules: founding one, and spending its tokens.

    act_in_club(draft, issuer, action) -> None | Rejected       the draft of a rejection is to be dropped

Pure, as all of the contract. What is spent is taken from one member and given to the others in the same entry, whole,
by the rule of market/tokens/sharing.py: equal parts, and what does not divide is owed until the spender's next. Whether
a member used what it paid for, or more, no ledger sees: that is for the members' measurements. Nobody's consent is
asked to be a member, as tokens are worth nothing outside their club.
Reference: token sharing (002), II D, steps 1 to 3; T1 (a token is a parameter), T2 (at least two members).
"""

from dataclasses import replace

from ledger.clubs.entries import Club, club_key
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, View, read_account
from market.tokens.sharing import shared
from wire.club_actions import ClubAction, FoundClub, SpendTokens
from wire.ids import PublicKey
from wire.units import U63_MAX


def act_in_club(draft: Draft, issuer: PublicKey, action: ClubAction) -> Rejected | None:
    match action:
        case FoundClub():
            return found_club(draft, issuer, action)
        case SpendTokens():
            return spend_tokens(draft, issuer, action)


def found_club(draft: Draft, issuer: PublicKey, action: FoundClub) -> Rejected | None:
    members = action.members
    for member in members:
        if read_account(draft, member) is None:
            return Rejected(Reason.UNKNOWN_ACCOUNT, f"no account {member}")
    if action.tokens < 1:
        return Rejected(Reason.AMOUNT_NOT_POSITIVE, f"{action.tokens} tokens: each begins with at least 1")
    if action.tokens * len(members) > U63_MAX:
        return Rejected(
            Reason.AMOUNT_OVERFLOW, f"{len(members)} times {action.tokens} tokens exceed 2^63 - 1"
        )
    if read_club(draft, issuer, action.number) is not None:
        return Rejected(Reason.CLUB_EXISTS, f"this founder has a club {action.number}")
    if len(members) < 2:
        return Rejected(Reason.CLUB_TOO_SMALL, "there is nobody to share with: at least two members")
    if len(set(members)) < len(members):
        return Rejected(Reason.DUPLICATE_MEMBER, "somebody is a member twice")
    if action.tokens < len(members) - 1:
        detail = (
            f"{action.tokens} tokens: each of {len(members)} members begins with {len(members) - 1} or more"
        )
        return Rejected(Reason.TOO_FEW_TOKENS, detail)
    balances, nothing = (action.tokens,) * len(members), (0,) * len(members)
    club = Club(issuer.octets, action.quantum_khz_s, action.tokens, action.member_keys, balances, nothing)
    draft.put(club_key(issuer.key_id, action.number), club)
    return None


def spend_tokens(draft: Draft, issuer: PublicKey, action: SpendTokens) -> Rejected | None:
    if action.tokens < 1:
        return Rejected(Reason.AMOUNT_NOT_POSITIVE, f"{action.tokens} tokens: at least 1 is spent")
    club = read_club(draft, action.founder, action.number)
    if club is None:
        return Rejected(Reason.NO_SUCH_CLUB, f"{action.founder} has founded no club {action.number}")
    members = club.member_keys
    if issuer.octets not in members:
        return Rejected(Reason.NOT_A_MEMBER, f"{issuer} is none of its {len(members)} members")
    spender = members.index(issuer.octets)
    if club.balances[spender] < action.tokens:
        return Rejected(Reason.TOO_FEW_TOKENS, f"{club.balances[spender]} tokens, {action.tokens} needed")
    balances, owed = shared(club.balances, club.owed, spender, action.tokens)
    after = replace(club, balances=tuple(balances), owed=tuple(owed))
    draft.put(club_key(action.founder.key_id, action.number), after)
    return None


def read_club(view: View, founder: PublicKey, number: int) -> Club | None:
    """The club of exactly this founder; None if there is none."""
    entry = view.get(club_key(founder.key_id, number))
    assert entry is None or isinstance(entry, Club)
    return entry if entry is not None and entry.founder == founder.octets else None


def club_parties(action: ClubAction) -> tuple[PublicKey, ...]:
    """In whose history it is, beside its issuer's: a founding in no member's, or strangers could be filled with them. A
    member is in its own by what it spends.
    """
    return () if isinstance(action, FoundClub) else (action.founder,)
