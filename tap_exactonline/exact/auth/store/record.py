"""A login as text: plain, or encrypted with a passphrase.

Encrypted records hold what is needed to open them but the passphrase: scrypt's salt and cost, AES-GCM's
nonce, and the ciphertext, bound to the name of the record so that records can't be swapped.
"""

from __future__ import annotations

import hashlib
import logging
import os
from typing import TYPE_CHECKING, Any

import msgspec

from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import TokenStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("tap-exactonline.tokens")

_PLAIN = (
    "The login in %s is not encrypted, although 'token_store_passphrase' is set. If you have just set it, the next renewal "
    "encrypts the login. Otherwise somebody without the passphrase has put it there: run 'tap-exactonline login'"
)

# 32 MiB and about a tenth of a second: a person does not notice, a guesser does.
_N, _R, _P = 2**15, 8, 1
_MAX_MEMORY = 256 * 2**20
_DAMAGED_REMEDY = (
    "The store was left as it is. Restore it from a backup, or remove it (setting 'token_store') and run "
    "'tap-exactonline login'"
)


class _Sealed(msgspec.Struct, kw_only=True):
    salt: bytes
    n: int
    r: int
    p: int
    nonce: bytes
    data: bytes


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a store keeps under one name: exactly one of the two."""

    tokens: Tokens | None = None
    sealed: _Sealed | None = None


class RecordCipher:
    """Turns tokens into a record and back.

    Args:
        name: The record's name (see ``login_id``).
        passphrase: Records are encrypted with it when written; a plain one can still be read, with a warning.

    Raises:
        TokenStoreError: A passphrase is set and the cryptography package is missing.
    """

    def __init__(self, name: str, passphrase: str | None = None) -> None:
        self.name = name
        self._passphrase = passphrase
        self._salt = b""
        self._warned_plain = False
        self._keys: dict[tuple[bytes, int, int, int], bytes] = {}
        if passphrase:
            self._aead(bytes(32))  # a missing package shows now, not in the middle of a refresh

    def encode(self, tokens: Tokens) -> Record:
        """Make a record, encrypted if there is a passphrase."""
        if not self._passphrase:
            return Record(tokens=tokens)
        # The salt stays for the life of this object, so that the key is derived once; the nonce never stays.
        self._salt = self._salt or os.urandom(16)
        nonce = os.urandom(12)
        key = self._key(self._salt, _N, _R, _P)
        data = self._aead(key).encrypt(nonce, msgspec.json.encode(tokens), self.name.encode())
        return Record(sealed=_Sealed(salt=self._salt, n=_N, r=_R, p=_P, nonce=nonce, data=data))

    def decode(self, record: Record, where: str) -> Tokens:
        """Read a record.

        Args:
            record: As read from the store.
            where: The store, for the error's text.

        Raises:
            TokenStoreError: Wrong or missing passphrase, or no sensible content.
        """
        if record.sealed is None:
            if record.tokens is None:
                raise damaged(where, "holds an empty login")
            if self._passphrase and not self._warned_plain:
                self._warned_plain = True
                log.warning(_PLAIN, where)
            return record.tokens
        if not self._passphrase:
            raise TokenStoreError(
                f"The login in {where} is encrypted and no passphrase is set",
                "Set 'token_store_passphrase' to the passphrase it was stored with",
            )
        sealed = record.sealed
        if not (2 <= sealed.n <= 2**20 and 1 <= sealed.r <= 16 and 1 <= sealed.p <= 16):  # noqa: PLR2004
            raise damaged(where, "asks for an absurd key derivation")
        plain = self._open(sealed, where)
        self._salt = sealed.salt if (sealed.n, sealed.r, sealed.p) == (_N, _R, _P) else self._salt
        try:
            return msgspec.json.decode(plain, type=Tokens)
        except msgspec.DecodeError:
            raise damaged(where, "holds no tokens") from None

    def _open(self, sealed: _Sealed, where: str) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra

        try:
            key = self._key(sealed.salt, sealed.n, sealed.r, sealed.p)
            plain: bytes = self._aead(key).decrypt(sealed.nonce, sealed.data, self.name.encode())
        except InvalidTag:
            raise TokenStoreError(
                f"The passphrase does not open the login in {where}",
                "Set 'token_store_passphrase' to the passphrase it was stored with; if that is lost, run "
                "'tap-exactonline logout' and 'tap-exactonline login'",
            ) from None
        except ValueError:
            raise damaged(where, "holds an unusable ciphertext") from None
        return plain

    def _key(self, salt: bytes, n: int, r: int, p: int) -> bytes:
        parameters = (salt, n, r, p)
        if parameters not in self._keys:
            secret = (self._passphrase or "").encode()
            self._keys[parameters] = hashlib.scrypt(
                secret, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32
            )
        return self._keys[parameters]

    @staticmethod
    def _aead(key: bytes) -> Any:
        return need(_aesgcm, "encryption", "'token_store_passphrase'")(key)


def _aesgcm() -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra

    return AESGCM


def need(load: Callable[[], Any], extra: str, setting: str) -> Any:
    """Call ``load``, which imports an optional package; say what to install if it is missing."""
    try:
        return load()
    except ImportError as error:
        raise TokenStoreError(
            f"{setting} needs the package '{error.name or extra}', which is not installed",
            f"Run: pip install 'singer-tap-exactonline[{extra}]'",
        ) from None


def damaged(where: str, what: str) -> TokenStoreError:
    """The error for a store with unusable content, which nobody has overwritten."""
    return TokenStoreError(f"The token store, {where}, {what}", _DAMAGED_REMEDY)
