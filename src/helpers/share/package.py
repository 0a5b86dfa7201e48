"""Files on their way into an export."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Package:
    """Files on their way into an export: each is written at once and its hash kept."""

    write: object
    files: list[dict] = field(default_factory=list)

    def add(self, name: str, data: bytes | str) -> None:
        """Add a file under a relative name with forward slashes. Text is written as UTF-8."""
        data = data.encode("utf-8") if isinstance(data, str) else data
        self.write(name, data)
        self.files.append({"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})

    def add_tree(self, folder: Path, to: str, only: tuple[str, ...] = ()) -> None:
        """Add every file below a folder, hidden ones left out; `only` are the endings wanted."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if (
                path.is_file()
                and not any(part.startswith(".") for part in name.parts)
                and (not only or path.suffix in only)
            ):
                self.add(f"{to}/{name.as_posix()}" if to else name.as_posix(), path.read_bytes())
