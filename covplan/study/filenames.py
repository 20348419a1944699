"""Names of files made from names in the data: valid on NTFS, ext4 and APFS, and no two alike on any of them.

NTFS and APFS do not tell case apart, APFS takes composed and decomposed letters for the same, Windows keeps names of
devices for itself and drops dots and blanks at the end. An id of capital letters, digits, dots, dashes and underscores,
as most are, is its own name; any other gets a readable beginning and a digest that tells it from all others.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

MOST_LETTERS = 64
"""Of a name without its suffix: the path of an ordinary folder and the name stay under the 260 of Windows."""
DIGEST_LETTERS = 12  # of base 32: 60 bits, no two alike among millions
MARK = "+"  # before the digest; no id that is its own name holds it
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"
}
"""Names that are devices on Windows, with any suffix."""
_PLAIN = re.compile(r"[A-Z0-9_](?:[A-Z0-9_.-]*[A-Z0-9_-])?")
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def file_name(text: str, suffix: str = "") -> str:
    """The file name of an id or a name, of ASCII letters alone; the same every time.

    Parameters
    ----------
    suffix : str
        With its dot; covplan's own, not from data.

    >>> file_name("SYN-02281-17", ".html"), file_name("Nà Tông", ".html"), file_name("nul")
    ('SYN-02281-17.html', 'Na_Tong+godqjmrtgftr.html', 'nul+thtcij2zafqd')
    """
    if len(text) <= MOST_LETTERS and _PLAIN.fullmatch(text) and not is_device(text):
        return text + suffix
    letters = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    readable = _OTHER.sub("_", "".join(one for one in letters if not unicodedata.combining(one)))
    digest = base64.b32encode(hashlib.sha256(text.encode(errors="surrogatepass")).digest()).decode().lower()
    return f"{readable[: MOST_LETTERS - DIGEST_LETTERS - 1]}{MARK}{digest[:DIGEST_LETTERS]}{suffix}"


def is_device(name: str) -> bool:
    """Whether Windows takes a file name for a device: by what stands before the first dot."""
    return name.partition(".")[0].rstrip(" ").upper() in DEVICES
