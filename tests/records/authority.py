"""Certificates of both sides of records between clusters, made by openssl as docs/remote-region.md makes them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

HUB = "DNS:localhost,IP:127.0.0.1"
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def region(name: str) -> str:
    return f"URI:voiceplane:region:{name}"


def openssl(*arguments: str, said: str = "") -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True, input=said.encode(), timeout=30)


@dataclass(frozen=True)
class Authority:
    """A folder with ca.key and ca.crt."""

    folder: Path

    def signs(self, folder: Path, names: str, *, days: int = 2) -> Path:
        """Make or renew a folder as a Secret is mounted: tls.crt, tls.key, ca.crt."""
        folder.mkdir(parents=True, exist_ok=True)
        request, extension = self.folder / "request", self.folder / "extension"
        extension.write_text(f"subjectAltName={names}\n")
        openssl("req", *EC, "-subj", "/CN=one", "-keyout", str(folder / "tls.key"), "-out", str(request))
        by = ("-CA", str(self.folder / "ca.crt"), "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial")
        made = ("-days", str(days), "-extfile", str(extension), "-out", str(folder / "tls.crt"))
        openssl("x509", "-req", "-in", str(request), *by, *made)
        (folder / "ca.crt").write_bytes((self.folder / "ca.crt").read_bytes())
        return folder


def authority(folder: Path) -> Authority:
    folder.mkdir(parents=True, exist_ok=True)
    files = ("-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt"))
    openssl("req", "-x509", *EC, "-days", "2", "-subj", "/CN=records", *files)
    return Authority(folder)
