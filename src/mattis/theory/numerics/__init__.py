"""Numerical means of all files of theory: arrays, Gaussian averages, roots and maxima."""
