"""Which place a user names: a folder of this machine, or a prefix of an object store."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from mattis.errors import UserError
from mattis.store.buckets import Bucket
from mattis.store.folders import Folder
from mattis.store.place import Place
from mattis.surroundings import expanded

SCHEMES = ("s3", "gs", "az")


_NEAR_URL = re.compile(r"(s3|gs|az):(.*)", re.IGNORECASE)


def place_of(text: str | Path) -> Place:
    """Return the place that a user names: a folder, or a URL such as s3://bucket/prefix.

    Endpoint and credentials of an object store come from its usual environment variables.
    Raises UserError for a URL that holds credentials, or is of an unknown kind.
    """
    given = str(text)
    if isinstance(text, Path) or "://" not in given:
        near = _NEAR_URL.match(given)
        if near:
            url = f"{near[1].lower()}://{near[2].lstrip('/')}"
            raise UserError(f"--results: got {given}; expected a folder, or a URL, as text: {url}")
        return Folder(expanded(given))
    parts = urlsplit(given)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
    if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"--results: got {shown}; expected a folder, or s3://bucket/prefix")
    if "//" in parts.path:
        single = re.sub("/+", "/", parts.path).rstrip("/")
        raise UserError(
            f"--results: got {shown}; an object store takes // for a folder without a name; "
            f"expected {parts.scheme}://{parts.hostname}{single}"
        )
    if "@" in parts.netloc:
        raise UserError(
            f"--results: got credentials in a URL; expected {shown}; put them into the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    return Bucket.at(shown)
