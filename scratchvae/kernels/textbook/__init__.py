"""The kernels as on paper: NumPy, whole arrays, nothing clever. The compiled twins must agree with these."""
