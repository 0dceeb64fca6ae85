"""Refusals of object stores, in words of this package: those of the store may be pages, and hold secrets."""

import re
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from mattis.errors import Fault, UserError


class Refusal(Fault):
    """The error of an object store that refused a request, and whether a new attempt may succeed."""

    def __init__(self, text: str, reason: str, passes: bool) -> None:
        super().__init__(text, reason)
        self.passes = passes


def is_refusal(error: Exception) -> bool:
    """Tell whether an error is an object store's: it says nothing about the objects in it."""
    if isinstance(error, Refusal):  # of a lock, which was requested on the way
        return True
    return type(error).__module__.startswith("obstore") or misses_bucket(error)


def misses_bucket(error: Exception) -> bool:
    return re.search("NoSuchBucket|ContainerNotFound", str(error)) is not None


@dataclass(frozen=True)
class Trouble:
    """The failure of an object store in words, whether a new attempt may succeed, and a remedy."""

    text: str
    passes: bool
    remedy: str


CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def _trouble(place: str, patience: timedelta, error: Exception) -> Trouble:
    """Return the trouble behind an error: a bad answer, or none."""
    text = str(error)
    rights = (
        f"credentials or rights: check {CREDENTIALS[place.partition(':')[0]]}, "
        "and that they may read and write there"
    )
    status = re.search(r"status code: (\d{3})", text)
    if "169.254.169.254" in text:  # the address from which virtual machines get theirs
        return Trouble("was given no credentials", False, rights)
    if status is None:
        return _unanswered(patience, text, type(error).__name__)
    code = int(status[1])
    answer = f"answered {code} {_word(code, text)}"
    if code in (401, 403):
        return Trouble(answer, False, rights)
    if code in (408, 409, 429) or code >= 500 or "RequestTimeout" in text:
        return Trouble(answer, True, "see that it answers")
    return Trouble(answer, False, "see that AWS_ENDPOINT_URL, AWS_REGION and credentials are its own")


def _word(code: int, text: str) -> str:
    """Return the word for a status code: the store's, such as Slow Down, or that of HTTP."""
    word = re.search(r"<Code>([A-Za-z]{1,40})</Code>", text)
    if word:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word[1])
    return {status.value: status.phrase for status in HTTPStatus}.get(code, "(unknown)")


def _unanswered(patience: timedelta, text: str, kind: str) -> Trouble:
    """Return the trouble behind an error without a whole answer."""
    remedy = "see that it answers"
    if re.search("Timeout|TimedOut|timed out", text):
        return Trouble(f"did not answer within {patience.total_seconds():g} s", True, remedy)
    if re.search("Connect|dns", text):
        return Trouble("cannot be reached", True, remedy)
    if kind == "GenericError":
        return Trouble("dropped the connection", True, remedy)
    return Trouble(f"refused: {kind.removesuffix('Error')}", False, "choose another --results")


def refusal(place: str, patience: timedelta, error: Exception) -> Refusal | UserError:
    """Return the error of an object store at a place, in one line with its remedy.

    patience  # time that an answer was waited for
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, FileNotFoundError) or misses_bucket(error):
        return no_bucket(place)
    trouble = _trouble(place, patience, error)
    reason = f"the object store {trouble.text}"
    again = "then give the same command again: it goes on from here"
    return Refusal(f"{place}: {reason}; {trouble.remedy}, {again}", reason, trouble.passes)


def no_bucket(place: str) -> UserError:
    return UserError(f"{place}: there is no such bucket; make it, or choose another --results")
