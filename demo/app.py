"""A small application: it starts on one tenant's secrets and says which names it got, never a value."""

import sys

from sealproof import SealproofError, load_environment_secrets


def main() -> int:
    """Start, or say why not."""
    try:
        loaded = load_environment_secrets()  # tenant, root and key come from the environment
    except SealproofError as error:
        print(f"not starting: {error.message}", file=sys.stderr)
        return 1
    print(f"{loaded.tenant}: started on {len(loaded.names)} names: {', '.join(loaded.names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
