"""The kernels as on paper: NumPy on whole arrays. The compiled twins must agree with them."""
