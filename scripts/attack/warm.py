"""Imported once, by the process that forks the others: what a run of the tap needs."""

import tap_exactonline.commands.check
import tap_exactonline.commands.division_list
import tap_exactonline.commands.drift
import tap_exactonline.commands.group
import tap_exactonline.tap  # noqa: F401
from tap_exactonline.endpoints import catalogue, load

catalogue()
load()
