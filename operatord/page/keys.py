"""Keys that log somebody in: what a browser is asked for, and whether what it answers holds. WebAuthn, by py_webauthn.

Pure: the challenge comes in, the text of a browser's answer too; options as JSON, a verified value, or Refused come
out. ES256 alone (the curve of everything here). The key names its person itself, so nobody types a name, and it checks
by PIN, fingerprint or face that he is there. No attestation: a key is believed because whoever got the link registered
it, whoever made it.
Reference: W3C Web Authentication Level 3, 7.1 and 7.2.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from operatord.page.asking import ASKING_S
from operatord.page.origin import Origin
from operatord.page.people import Key
from operatord.page.refusals import Reason, Refused

MAX_ANSWER_BYTES = 16 * 1024
"""An answer has about 1 kB; one with a long chain of attestation, which nobody asks for, would have 8 kB."""
MAX_KEY_ID_SIZE = 1_023
"""WebAuthn Level 3, 7.1 step 25."""
_SHOP = "Airgrant"
_UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What a stranger's octets make the library raise; test_keys.py garbles them."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a browser has just made."""

    key_id: bytes
    public_key: bytes
    sign_count: int


def registration_options(
    origin: Origin, name: str, handle: bytes, challenge: bytes, known: Iterable[Key]
) -> dict[str, Any]:
    """For `navigator.credentials.create`. `handle` is what the key keeps of the person instead of a name."""
    options = generate_registration_options(
        rp_id=origin.rp_id,
        rp_name=_SHOP,
        user_id=handle,
        user_name=name,
        challenge=challenge,
        timeout=ASKING_S * 1_000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(key.key_id) for key in known],
        supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
    )
    return _as_values(options_to_json(options))


def login_options(origin: Origin, challenge: bytes) -> dict[str, Any]:
    """For `navigator.credentials.get`: any key that was made for this origin."""
    options = generate_authentication_options(
        rp_id=origin.rp_id,
        challenge=challenge,
        timeout=ASKING_S * 1_000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_values(options_to_json(options))


def _as_values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    return values


def read_new_key(answer: Any) -> RegistrationCredential:
    """What `navigator.credentials.create` gave, as JSON values. Raises Refused."""
    try:
        return parse_registration_credential_json(answer)
    except _UNREADABLE as error:
        raise Refused(Reason.UNREADABLE, _say(error)) from None


def read_login(answer: Any) -> AuthenticationCredential:
    """What `navigator.credentials.get` gave, as JSON values. Raises Refused."""
    try:
        return parse_authentication_credential_json(answer)
    except _UNREADABLE as error:
        raise Refused(Reason.UNREADABLE, _say(error)) from None


def verify_new_key(credential: RegistrationCredential, challenge: bytes, origin: Origin) -> NewKey:
    """Raises Refused."""
    _refuse_frames(credential.response.client_data_json)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=origin.rp_id,
            expected_origin=origin.text,
            supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
        )
    except (*_UNREADABLE, InvalidSignature) as error:
        raise Refused(Reason.WRONG_ANSWER, _say(error)) from None
    if not verified.user_verified:
        raise Refused(Reason.UNVERIFIED, "at its registration")
    if len(verified.credential_id) > MAX_KEY_ID_SIZE:
        raise Refused(Reason.WRONG_ANSWER, f"an id of {len(verified.credential_id)} octets")
    return NewKey(verified.credential_id, verified.credential_public_key, verified.sign_count)


def verify_login(
    credential: AuthenticationCredential, challenge: bytes, origin: Origin, key: Key, handle: bytes
) -> int:
    """The key's new count of signatures. `handle` is that of the key's person. Raises Refused."""
    _refuse_frames(credential.response.client_data_json)
    if credential.response.user_handle != handle:
        raise Refused(Reason.WRONG_ANSWER, "it names another person")
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=origin.rp_id,
            expected_origin=origin.text,
            credential_public_key=key.public_key,
            credential_current_sign_count=0,  # compared below, to tell a copied key from a wrong answer
        )
    except (*_UNREADABLE, InvalidSignature) as error:
        raise Refused(Reason.WRONG_ANSWER, _say(error)) from None
    if not verified.user_verified:
        raise Refused(Reason.UNVERIFIED, "at a login")
    refuse_stale(key.sign_count, verified.new_sign_count)
    return verified.new_sign_count


def refuse_stale(before: int, now: int) -> None:
    """A key that counts goes up each time; one that never counts stays at 0. Raises Refused (7.2 step 22)."""
    if (before or now) and now <= before:
        raise Refused(Reason.STALE_COUNTER, f"it counts {now}, after {before}: there may be a copy of it")


def _refuse_frames(client_data: bytes) -> None:
    """An answer that was made inside a page of others. Raises Refused."""
    try:
        inside = parse_client_data_json(client_data).cross_origin
    except _UNREADABLE as error:
        raise Refused(Reason.UNREADABLE, _say(error)) from None
    if inside:
        raise Refused(Reason.WRONG_ANSWER, "made inside a page of another origin")


def _say(error: Exception) -> str:
    """On one line, short, and without control characters: it may repeat what a stranger sent."""
    return "".join(sign if sign.isprintable() else " " for sign in f"{type(error).__name__}: {error}")[:200]
