"""Writes small HDF5 files that are valid, or nearly so, and state far more than a reader could hold or walk through.

    python bombs.py FOLDER
"""

import os
import sys
import zlib

import h5py
import numpy as np


def chunks(folder):
    """A chunk of 1 GiB, deflated to 1 MiB; one that was never written; and labels in a chunk of 1 GiB."""
    with h5py.File(f"{folder}/chunk_deflated.h5", "w") as file:
        data = file.create_dataset("x", (16384, 16384), "f4", chunks=(16384, 16384), compression="gzip")
        coder = zlib.compressobj(9)
        stored = b"".join(coder.compress(bytes(1 << 20)) for _ in range(1024)) + coder.flush()
        data.id.write_direct_chunk((0, 0), stored)
    with h5py.File(f"{folder}/chunk_absent.h5", "w") as file:
        file.create_dataset("x", (16384, 16384), "f4", chunks=(16384, 16384), fillvalue=3)
    with h5py.File(f"{folder}/chunk_wide.h5", "w") as file:
        file.create_dataset("x", (10,), "f8", chunks=(1 << 27,), maxshape=(None,))
    axes = [("labels_many", 1 << 33, 1 << 20), ("labels_chunk", 10, 1 << 27), ("labels_some", 1 << 23, 1 << 20)]
    for name, shape, chunk in axes:
        with h5py.File(f"{folder}/{name}.h5", "w") as file:
            axis = file.create_dataset("t", (shape,), "f8", chunks=(chunk,), maxshape=(None,))
            axis.make_scale("t")
            data = file.create_dataset("x", (shape,), "f4", chunks=(min(shape, 1 << 20),))
            data.dims[0].attach_scale(axis)


def cells(folder):
    """Cells of a gigabyte, and many cells that all refer to one long text."""
    with h5py.File(f"{folder}/cell_text.h5", "w") as file:
        file.create_dataset("x", (3,), "S1000000000")
    with h5py.File(f"{folder}/cell_array.h5", "w") as file:
        file.create_dataset("x", (3,), np.dtype(("u1", (1000000000,))))
    path = f"{folder}/cell_heap.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (60000,), h5py.string_dtype())
        data[0] = "a" * 2000000
        at = data.id.get_offset()
    with open(path, "r+b") as file:
        file.seek(at)
        cell = file.read(16)
        file.seek(at)
        file.write(cell * 60000)


def values(folder):
    """Texts and lists: far too many bytes in one chunk, and as many in chunks that fit."""
    wide = np.array([f"{i}".encode() for i in range(10)], "S16000000")
    with h5py.File(f"{folder}/text_wide.h5", "w") as file:
        file.create_dataset("x", data=wide, chunks=(10,), compression="gzip")
    with h5py.File(f"{folder}/text_member.h5", "w") as file:
        of = np.dtype([("x", "i4"), ("name", "S8000000")])
        file.create_dataset("c", (10,), of, chunks=(10,), compression="gzip")
    with h5py.File(f"{folder}/text_cut.h5", "w") as file:
        narrow = np.array([f"{i}".encode() for i in range(1000)], "S200000")
        file.create_dataset("x", data=narrow, chunks=(20,), compression="gzip")
    lists = {"whole": 7000, "cut": 100}
    for name, chunk in lists.items():
        with h5py.File(f"{folder}/heap_{name}.h5", "w") as file:
            texts = file.create_dataset("x", (7000,), h5py.string_dtype(), chunks=(chunk,))
            texts[:] = [f"{i:05}" * 2000 for i in range(7000)]
        with h5py.File(f"{folder}/list_{name}.h5", "w") as file:
            items = file.create_dataset("x", (7000,), h5py.vlen_dtype("u1"), chunks=(chunk,))
            for at in range(0, 7000, 100):
                many = np.empty(100, object)
                many[:] = [np.full(10000 - i % 2, i % 200, "u1") for i in range(at, at + 100)]
                items[at : at + 100] = many


def parts(folder):
    """Virtual datasets of two far ends of a long source."""
    for name, chunk in [("virtual_long", None), ("virtual_chunk", (1, 1 << 28)), ("virtual_wide", (1, 1 << 25))]:
        with h5py.File(f"{folder}/{name}.h5", "w") as file:
            shape = (2, 1 << 28)
            file.create_dataset("source", shape, "f4", chunks=chunk, fillvalue=2)
            layout = h5py.VirtualLayout((2, 2), "f4")
            layout[:, :] = h5py.VirtualSource(f"{name}.h5", "source", shape)[:, 0 : 1 << 28 : (1 << 28) - 1]
            file.create_virtual_dataset("x", layout)


def circles(folder):
    """Virtual datasets without an end: made of themselves many times over, and many of one long list."""
    def add(file, name, sources):
        space = h5py.h5s.create_simple((4,), (h5py.h5s.UNLIMITED,))
        space.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), (1,), (1,))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        for source in sources:
            plist.set_virtual(space, b".", source.encode(), space)
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, space, plist)

    with h5py.File(f"{folder}/virtual_circle.h5", "w", libver="latest") as file:
        for name in ("a", "b", "c"):
            add(file, name, ["abc"[i % 3] for i in range(700)])
        file["x"] = np.arange(3)
    with h5py.File(f"{folder}/virtual_many.h5", "w", libver="latest") as file:
        for i in range(300):
            add(file, f"y{i}", [f"y{j % 300}" for j in range(300)])
        file["x"] = np.arange(3)


def links(folder):
    """Soft links through soft links, files that link to each other, deep groups, and a dataset of many names."""
    with h5py.File(f"{folder}/link_soft.h5", "w", libver="latest") as file:
        file["loop"] = file["/"]
        file["s0"] = h5py.SoftLink("/".join(["loop"] * 100))
        for i in range(1, 9):
            file[f"s{i}"] = h5py.SoftLink("/".join([f"s{i - 1}"] * 100))
        for i in range(300):
            file[f"n{i}"] = h5py.SoftLink("/x")
        file["x"] = np.arange(3)
    with h5py.File(f"{folder}/link_there.h5", "w", libver="latest") as a:
        with h5py.File(f"{folder}/link_back.h5", "w", libver="latest") as b:
            for i in range(4000):
                a.create_group(f"g{i}")["n"] = h5py.ExternalLink("link_back.h5", f"/g{i}")
                b.create_group(f"g{i}")["n"] = h5py.ExternalLink("link_there.h5", f"/g{i + 1}")
            a["x"], b["x"] = np.arange(3), np.arange(3)
    with h5py.File(f"{folder}/group_deep.h5", "w", libver="latest") as file:
        file["x"] = np.arange(3)
        group = file
        for i in range(20000):
            group = group.create_group("gggggggg")
            group["y"] = i
    with h5py.File(f"{folder}/link_hard.h5", "w", libver="latest") as file:
        data = file.create_dataset("x", data=np.arange(3))
        for i in range(40):
            data.attrs[f"a{i}"] = np.zeros(7000, "i1")
        for i in range(3000):
            file[f"y{i}"] = data


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for write in (chunks, cells, values, parts, circles, links):
        write(sys.argv[1])
