"""`python -m sealproof`: the command line without an installed script."""

from sealproof.cli.main import main

if __name__ == "__main__":
    main()
