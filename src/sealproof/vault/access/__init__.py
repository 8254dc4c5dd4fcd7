"""Who may do what: a signed policy, decided by default against, and the record of who was refused too often."""

from sealproof.vault.access.control import AccessControl, Considered, Explanation
from sealproof.vault.access.interface import Decision, Operation, Request, Subject
from sealproof.vault.access.policy import Policy, SignedPolicy
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import Conditions, Rule, Window

__all__ = [
    "AccessControl",
    "Conditions",
    "Considered",
    "Decision",
    "Explanation",
    "Operation",
    "Policy",
    "PolicyFile",
    "Request",
    "Rule",
    "SignedPolicy",
    "Subject",
    "Window",
]
