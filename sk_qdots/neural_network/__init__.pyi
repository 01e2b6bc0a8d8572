from ._classifier import AllCNNClassifier
from ._module import AllCNN

__all__ = ["AllCNN", "AllCNNClassifier"]
