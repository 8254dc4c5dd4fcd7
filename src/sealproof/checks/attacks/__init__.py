"""The attacks of the attack table on any store that has an adapter: see `docs/attack-your-own-store.md`."""
