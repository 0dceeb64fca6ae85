"""Which place a user names: a folder of this machine, or a prefix of an object store."""

from pathlib import Path
from urllib.parse import urlsplit

from mattis.errors import UserError
from mattis.store.buckets import Bucket
from mattis.store.folders import Folder
from mattis.store.place import Place

SCHEMES = ("s3", "gs", "az")


def place_of(text: str | Path) -> Place:
    """Return the place that a user names: a folder, or a URL such as s3://bucket/prefix.

    Endpoint and credentials of an object store come from its usual environment variables.
    Raises UserError for a URL that holds credentials, or is of an unknown kind.
    """
    if isinstance(text, Path) or "://" not in text:
        return Folder(Path(text))
    parts = urlsplit(text)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
    if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"--results: got {shown}; expected a folder, or s3://bucket/prefix")
    if "@" in parts.netloc:
        raise UserError(
            f"--results: got credentials in a URL; expected {shown}; put them into the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    return Bucket.at(shown)
