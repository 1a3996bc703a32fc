"""Behaviour tests: small sets of sentences that each try one thing the codebook asks of a classifier.

After M. T. Ribeiro, T. Wu, C. Guestrin, S. Singh, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"
(ACL 2020). The tests are data: the YAML files beside this one, or a user's own in the same format.
"""

from sitrep.evaluation.behaviour.cases import BehaviourTest, Case, Kind
from sitrep.evaluation.behaviour.outcomes import Failure, Outcome, run
from sitrep.evaluation.behaviour.yaml_files import load_tests, shipped_files

__all__ = ["BehaviourTest", "Case", "Failure", "Kind", "Outcome", "load_tests", "run", "shipped_files"]
