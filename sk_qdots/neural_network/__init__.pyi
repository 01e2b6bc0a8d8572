from ._classifier import AllCNNClassifier
from ._module import AllCNN
from ._regressor import AllCNNRegressor

__all__ = ["AllCNN", "AllCNNClassifier", "AllCNNRegressor"]
