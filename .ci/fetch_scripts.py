"""Fetches the scripts of others that the studio's page and its test need, from the npm registry.

Each package is what it was when it was chosen, or nothing is written. Needs npm.
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Package, version, its integrity as the registry states it, the folder, and its files there.
PACKAGES = (
    (
        "uplot",
        "1.6.32",
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/"
        "ep3tOkyTxpiQIw==",
        "mnst_video/web/page/uplot",
        {
            "dist/uPlot.esm.js": "uPlot.esm.js",
            "dist/uPlot.min.css": "uPlot.min.css",
            "LICENSE": "LICENSE",
        },
    ),
    (
        "axe-core",
        "4.14.1",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37Ogud"
        "VGtQ==",
        "tests/web/axe",
        {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE"},
    ),
)


def fetch(name: str, version: str, integrity: str, folder: str, files: dict[str, str]) -> None:
    """Write some files of a package, and which version they are of."""
    with tempfile.TemporaryDirectory() as place:
        packed = subprocess.run(
            ["npm", "pack", "--json", f"{name}@{version}"],
            cwd=place,
            check=True,
            capture_output=True,
        )
        archive = Path(place) / json.loads(packed.stdout)[0]["filename"]
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != integrity:
            raise SystemExit(f"{name} {version}: is not what was chosen: sha512-{digest}")
        with tarfile.open(archive) as tar:
            for inside, outside in files.items():
                member = tar.extractfile(f"package/{inside}")
                assert member is not None
                (ROOT / folder / outside).write_bytes(member.read())
    (ROOT / folder / "VERSION").write_text(f"{name} {version} (npm)\n")
    print(f"{folder}: {name} {version}")


if __name__ == "__main__":
    for package in PACKAGES:
        fetch(*package)
