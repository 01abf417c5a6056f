#!/usr/bin/env python3
"""make.py FOLDER: the .npy files of this folder, as numpy writes them (made with numpy 1.24.2).

Row i, component j of each is (4 i + j - 5) / 4, of the integer ones 4 i + j - 5, of u1 4 i + j.
"""
import sys

import numpy as np

k = np.arange(12).reshape(3, 4)


def save(name, array, version=None):
    with open(f"{sys.argv[1]}/{name}.npy", "wb") as f:
        np.lib.format.write_array(f, array, version)


for kind in "f2", "f4", "f8":
    save(kind, ((k - 5) / 4).astype(kind))
for kind in "i1", "i4", "i8":
    save(kind, (k - 5).astype(kind))
save("u1", k.astype("u1"))
save("v2", ((k - 5) / 4).astype("f4"), (2, 0))
save("v3", ((k - 5) / 4).astype("f4"), (3, 0))
save("fortran", np.asfortranarray(((k - 5) / 4).astype("f4")))
save("big", ((k - 5) / 4).astype(">f4"))
save("one", ((k[0] - 5) / 4).astype("f4"))
save("none", np.float32(1))
save("three", k.reshape(3, 2, 2).astype("f4"))
save("empty", np.zeros((0, 4), "f4"))
save("struct", np.zeros(3, [("a", "f4"), ("b", "i4")]))
