"""Encryption of stored secrets (specification section 4.4) with `cryptography`'s Fernet;
the key file is rotated by adding a line."""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from webhookui.core import private_files


class SecretUnreadable(Exception):
    """A stored secret was encrypted with a key that is not in the key file."""


class SecretBox:
    """Encrypts with the first key of the file, decrypts with any. Does not care what a secret is for."""

    def __init__(self, key_file: Path) -> None:
        if not key_file.exists():
            _write_keys(key_file, [Fernet.generate_key()])
        self.key_file = key_file
        self._use(_read_keys(key_file))

    def _use(self, keys: list[bytes]) -> None:
        self._keys = keys
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise SecretUnreadable(f"{self.key_file} is not a key file of webhookui.") from None

    def seal(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises SecretUnreadable when no key of the file fits. Keys that were added since are found."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            keys = _read_keys(self.key_file)
        if keys != self._keys:
            self._use(keys)
            return self.open(sealed)
        raise SecretUnreadable(f"A stored secret can't be read with the keys in {self.key_file}.")

    def reencrypt(self, sealed: str) -> str:
        """The same secret under the newest key. Raises SecretUnreadable."""
        return self.seal(self.open(sealed))

    def add_key(self) -> SecretBox:
        """A box whose newest key is a fresh one; the old keys still open what they sealed."""
        _write_keys(self.key_file, [Fernet.generate_key(), *self._keys])
        return SecretBox(self.key_file)

    def session_key(self) -> bytes:
        """Key for signing browser sessions, derived from the oldest key so that a rotation logs nobody out."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"webhookui session").derive(self._keys[-1])


def _read_keys(path: Path) -> list[bytes]:
    return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]


def _write_keys(path: Path, keys: list[bytes]) -> None:
    private_files.make_folder(path.parent)
    private_files.write(path, b"\n".join(keys) + b"\n")
