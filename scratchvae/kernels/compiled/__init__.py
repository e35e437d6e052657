"""The kernels as Numba loops, in the same files and with the same names and signatures as the textbook twins.

The docstrings of the textbook twins say what each kernel computes.
"""
