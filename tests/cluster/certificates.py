"""Keys and certificates of a test plane, made by openssl in its folder."""

import asyncio
from pathlib import Path


async def service_account_keys(folder: Path) -> None:
    """Make the key pair that signs service account tokens."""
    await _openssl("genrsa", "-out", str(folder / "sa.key"), "2048")
    await _openssl("rsa", "-in", str(folder / "sa.key"), "-pubout", "-out", str(folder / "sa.pub"))


async def self_signed(folder: Path, name: str, *extensions: str) -> None:
    """Make a key and a certificate that is its own authority: NAME.key and NAME.crt."""
    files = ("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"))
    added = tuple(word for text in extensions for word in ("-addext", text))
    key = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}")
    await _openssl("req", *key, *files, *added)


async def _openssl(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("openssl", *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {said.decode(errors='replace')}")
