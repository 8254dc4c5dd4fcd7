"""Rotation: a journaled state machine that changes a credential while everyone goes on using it.

`engine` drives one rotation, `targets` are what a credential unlocks, `strategies` decide who uses the new one when,
`consumers` are the processes that do, `scheduler` decides what is due. `docs/rotation.md` tells it in order.
"""
