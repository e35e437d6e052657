"""The kernels as Numba loops: the same files, names and signatures as the textbook twins, which say what each
computes.
"""
