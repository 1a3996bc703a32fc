"""The Hugging Face hub: what a name on it looks like, and whether it can be reached."""

import re
import urllib.error
import urllib.request

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
"""``owner/name``."""

TIMEOUT_SECONDS = 5


def hub_is_reachable() -> bool:
    """Ask the hub once. Without this, its library tries for a minute before it says that there is no network."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
