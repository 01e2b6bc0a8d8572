"""The all-convolutional network and the scikit-learn classifier around it."""

import lazy_loader as _lazy

# AllCNN is a torch module; AllCNNClassifier predicts without importing torch.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
