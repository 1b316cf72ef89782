"""Files with every kind of group, link, attribute, and with cells that lie elsewhere."""

import ctypes
import glob
import os

import h5py
import numpy as np

from feature_storage import cells, new


def write():
    files = []
    for libver in ["earliest", "v108", "v110", "latest"]:
        files += [many_links(libver), many_attributes(libver), groups(libver)]
    for size in [512, 1024, 2048, 4096, 1 << 16]:
        files.append(user_block(size))
    makers = [
        soft_links, external_links, external_loop, hard_loops, ordered, unreadable_neighbours, long_names, scales, external_storage,
        external_missing, virtual_stack, virtual_slices, virtual_strided, virtual_self, virtual_missing, virtual_pattern, virtual_points,
        virtual_nested, virtual_filled, virtual_unlimited, virtual_grown, virtual_numbered, virtual_texts, virtual_loop, virtual_types, virtual_shared, attribute_types, paged, closed_tree,
        shared_messages,
    ]
    return files + [name for maker in makers for name in [maker()]]


def many_links(libver):
    name = f"links_{libver}.h5"
    with new(name, libver) as h5:
        for i in range(120):
            h5[f"inner/x{i:03}"] = np.array([i])
        h5["few/a"] = np.arange(3)
    return name


def many_attributes(libver):
    name = f"attributes_{libver}.h5"
    with new(name, libver) as h5:
        made = h5.create_dataset("x", data=np.array([1, 2, -999, 4]))
        for i in range(60):
            made.attrs[f"a{i}"] = f"attribute {i} " * 10
        made.attrs["valid_min"] = 2
        h5["y"] = np.arange(4.0)
        if libver != "earliest":
            h5["y"].attrs["large"] = np.arange(20_000)
    return name


def shared_messages():
    """A file that keeps messages of headers in its table of shared ones, which h5py has no call for."""
    folder = os.path.join(os.path.dirname(os.path.dirname(h5py.__file__)), "h5py.libs")
    found = glob.glob(os.path.join(folder, "libhdf5-*"))
    if not found:
        return external_links()
    library, kinds = ctypes.CDLL(found[0]), [1 << 1 | 1 << 3 | 1 << 5 | 1 << 11, 1 << 12]
    made = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    library.H5Pset_shared_mesg_nindexes(ctypes.c_int64(made.id), len(kinds))
    for i, kind in enumerate(kinds):
        library.H5Pset_shared_mesg_index(ctypes.c_int64(made.id), i, kind, 8)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    with h5py.File(h5py.h5f.create(b"shared_messages.h5", h5py.h5f.ACC_TRUNC, made, access)) as h5:
        for i in range(3):
            data = h5.create_dataset(f"x{i}", data=cells("f4", (5, 4)) + i, chunks=(2, 2), compression="gzip", fillvalue=-1)
            data.attrs["units"] = "kelvin a second"
        many = h5.create_dataset("many", data=np.array([1, 2, -999, 4]))
        for i in range(20):
            many.attrs[f"a{i}"] = np.arange(10) + i
        many.attrs["valid_min"] = 2
    return "shared_messages.h5"


def groups(libver):
    name = f"groups_{libver}.h5"
    with new(name, libver) as h5:
        h5["top"] = np.arange(3)
        h5["a/b/c/d/e/f/g/deep"] = np.arange(4)
        h5.create_group("empty")
        h5["a/x"] = np.arange(5.0)
    return name


def user_block(size):
    name = f"userblock_{size}.h5"
    with h5py.File(name, "w", userblock_size=size, libver="latest" if size > 1024 else "earliest") as h5:
        h5["x"] = np.arange(5)
        h5.create_dataset("chunked", data=cells("f4", (20, 20)), chunks=(7, 7), compression="gzip")
        h5.create_dataset("text", data=["a", "b"], dtype=h5py.string_dtype())
    with open(name, "r+b") as raw:
        raw.write(b"something else first")
    return name


def soft_links():
    with new("soft_links.h5") as h5:
        h5["group/x"] = np.arange(4)
        h5["absolute"] = h5py.SoftLink("/group/x")
        h5["group/relative"] = h5py.SoftLink("x")
        h5["chain"] = h5py.SoftLink("/absolute")
        h5["dangling"] = h5py.SoftLink("/nowhere")
        h5["loop"] = h5py.SoftLink("/loop")
        h5["whole"] = h5py.SoftLink("/group")
    return "soft_links.h5"


def external_links():
    os.makedirs("beside", exist_ok=True)
    with new("beside/target.h5") as h5:
        h5["x"] = np.arange(6)
        h5["group/y"] = cells("f4", (5, 4))
        h5["group/text"] = np.array([b"ab", b"c"])
        h5.create_dataset("group/names", data=["größe", "b"], dtype=h5py.string_dtype())
        h5["soft"] = h5py.SoftLink("/group/y")
    with new("external_links.h5") as h5:
        h5["own"] = np.arange(3.0)
        h5["one"] = h5py.ExternalLink("beside/target.h5", "/x")
        h5["group"] = h5py.ExternalLink("beside/target.h5", "/group")
        h5["soft"] = h5py.ExternalLink("beside/target.h5", "/soft")
        h5["through"] = h5py.SoftLink("/group/y")
        h5["through_whole"] = h5py.SoftLink("/group")
        h5["no_file"] = h5py.ExternalLink("beside/none.h5", "/x")
        h5["no_object"] = h5py.ExternalLink("beside/target.h5", "/nowhere")
    return "external_links.h5"


def external_loop():
    with new("loop_other.h5") as h5:
        h5["back"] = h5py.ExternalLink("external_loop.h5", "/")
        h5["y"] = np.arange(3)
    with new("external_loop.h5") as h5:
        h5["x"] = np.arange(4)
        h5["there"] = h5py.ExternalLink("loop_other.h5", "/")
        h5["mirror"] = h5py.ExternalLink("external_loop.h5", "/mirror")
    return "external_loop.h5"


def hard_loops():
    with new("hard_loops.h5") as h5:
        h5["a/x"] = np.arange(4)
        h5["a/up"] = h5["/"]
        h5["b"] = h5["a"]
        h5["alias"] = h5["a/x"]
    return "hard_loops.h5"


def ordered():
    with h5py.File("ordered.h5", "w", track_order=True) as h5:
        for name in ["z", "m", "a"]:
            h5[name] = np.arange(3)
            h5[name].attrs["number"] = 1
    return "ordered.h5"


def unreadable_neighbours():
    """One header is damaged: the others must be there all the same."""
    with new("unreadable.h5") as h5:
        h5["before"] = np.arange(4)
        h5["damaged"] = np.arange(5)
        h5["zlast"] = np.arange(6)
        at = h5py.h5o.get_info(h5["damaged"].id).addr
    with open("unreadable.h5", "r+b") as raw:
        raw.seek(at)
        raw.write(b"nonsense")
    return "unreadable.h5"


def long_names():
    with new("long_names.h5") as h5:
        h5["n" * 300] = np.arange(3)
        h5["größe in m"] = np.arange(4)
        h5["a.b"] = np.arange(2)
    return "long_names.h5"


def scales():
    with new("scales.h5") as h5:
        h5["lat"], h5["lon"] = np.linspace(-60, 60, 5), np.linspace(0, 300, 6)
        h5["lat"].make_scale("lat")
        h5["lon"].make_scale("lon")
        made = h5.create_dataset("t", data=cells("f4", (5, 6)))
        made.dims[0].attach_scale(h5["lat"])
        made.dims[1].attach_scale(h5["lon"])
        h5["free"] = np.arange(7)
    return "scales.h5"


def external_storage():
    cells("<i4", (10, 6)).tofile("raw_a.bin")
    with open("raw_b.bin", "wb") as raw:
        raw.write(b"head" + cells(">f8", (12,)).tobytes())
    with new("external_storage.h5") as h5:
        h5.create_dataset("one", (10, 6), "<i4", external="raw_a.bin")
        h5.create_dataset("two", (12,), ">f8", external=[("raw_b.bin", 4, 40), ("raw_b.bin", 44, 56)])
        h5.create_dataset("part", (5, 6), "<i4", external=[("raw_a.bin", 24, h5py.h5f.UNLIMITED)])
        h5["own"] = np.arange(3)
    return "external_storage.h5"


def external_missing():
    with new("external_missing.h5") as h5:
        h5.create_dataset("gone", (10,), "<i4", external="none.bin")
        h5["own"] = np.arange(3)
    return "external_missing.h5"


def sources(count=4):
    for i in range(count):
        with new(f"source_{i}.h5") as h5:
            h5.create_dataset("data", data=cells("<i4", (20, 10), i + 1), chunks=(6, 6), compression="gzip")
            h5["group/values"] = cells(">f8", (20,), i + 1)


def virtual_stack():
    sources()
    layout = h5py.VirtualLayout((4, 20, 10), "i4")
    for i in range(4):
        layout[i] = h5py.VirtualSource(f"source_{i}.h5", "data", (20, 10))
    joined = h5py.VirtualLayout((80,), "f8")
    for i in range(4):
        joined[i * 20:(i + 1) * 20] = h5py.VirtualSource(f"source_{i}.h5", "group/values", (20,))
    with new("virtual_stack.h5") as h5:
        h5.create_virtual_dataset("stack", layout)
        h5.create_virtual_dataset("joined", joined)
    return "virtual_stack.h5"


def virtual_slices():
    layout = h5py.VirtualLayout((8, 9), "i4")
    layout[1:5, 2:7] = h5py.VirtualSource("source_0.h5", "data", (20, 10))[3:7, 4:9]
    layout[6, :] = h5py.VirtualSource("source_1.h5", "data", (20, 10))[2, :9]
    layout[:, 8] = h5py.VirtualSource("source_2.h5", "data", (20, 10))[10:18, 1]
    with new("virtual_slices.h5") as h5:
        h5.create_virtual_dataset("x", layout, fillvalue=-1)
    return "virtual_slices.h5"


def virtual_strided():
    layout = h5py.VirtualLayout((40, 10), "i4")
    layout[0::2] = h5py.VirtualSource("source_0.h5", "data", (20, 10))
    layout[1::2] = h5py.VirtualSource("source_1.h5", "data", (20, 10))
    thin = h5py.VirtualLayout((7, 5), "i4")
    thin[...] = h5py.VirtualSource("source_3.h5", "data", (20, 10))[::3, ::2]
    with new("virtual_strided.h5") as h5:
        h5.create_virtual_dataset("x", layout)
        h5.create_virtual_dataset("thin", thin)
    return "virtual_strided.h5"


def virtual_self():
    with new("virtual_self.h5") as h5:
        h5["x"] = cells("f4", (12,))
        layout = h5py.VirtualLayout((6,), "f4")
        layout[:] = h5py.VirtualSource(".", "x", (12,))[::2]
        h5.create_virtual_dataset("half", layout)
    return "virtual_self.h5"


def virtual_missing():
    layout = h5py.VirtualLayout((3, 10), "i4")
    for i, source in enumerate(["source_0.h5", "gone.h5", "source_1.h5"]):
        layout[i] = h5py.VirtualSource(source, "data", (20, 10))[0]
    with new("virtual_missing.h5") as h5:
        h5.create_virtual_dataset("x", layout, fillvalue=-9)
        h5["own"] = np.arange(3)
    return "virtual_missing.h5"


def low_virtual(h5, name, shape, maps, maximum=None, dtype="<i4"):
    """A virtual dataset by h5py's low level: (selection, file, dataset, shape, selection there) each."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for space, file, dataset, source in maps:
        plist.set_virtual(space, file.encode(), dataset.encode(), source)
    space = h5py.h5s.create_simple(shape, maximum)
    h5py.h5d.create(h5.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, plist)


def selected(shape, start, count, stride=None, block=None, maximum=None):
    space = h5py.h5s.create_simple(shape, maximum)
    space.select_hyperslab(start, count, stride, block)
    return space


def virtual_pattern():
    """A selection without an end, whose blocks each come from a file with a number in its name."""
    endless = h5py.h5s.UNLIMITED
    with new("virtual_pattern.h5") as h5:
        space = selected((4, 20, 10), (0, 0, 0), (endless, 1, 1), (1, 1, 1), (1, 20, 10), (endless, 20, 10))
        low_virtual(h5, "x", (4, 20, 10), [(space, "source_%b.h5", "data", selected((20, 10), (0, 0), (20, 10)))], (endless, 20, 10))
    return "virtual_pattern.h5"


def virtual_unlimited():
    endless = h5py.h5s.UNLIMITED
    with new("growing.h5") as h5:
        h5.create_dataset("data", data=cells("<i4", (15, 4)), chunks=(4, 4), maxshape=(None, 4))
    with new("virtual_unlimited.h5") as h5:
        there = selected((15, 4), (0, 0), (endless, 1), (1, 1), (1, 4), (endless, 4))
        here = selected((15, 4), (0, 0), (endless, 1), (1, 1), (1, 4), (endless, 4))
        low_virtual(h5, "x", (15, 4), [(here, "growing.h5", "data", there)], (endless, 4))
    return "virtual_unlimited.h5"


def virtual_grown():
    """Sources that have grown, shrunk or gone since the virtual datasets were made."""
    endless = h5py.h5s.UNLIMITED
    with new("grown.h5") as h5:
        for name, length in [("more", 23), ("less", 6), ("none", 0), ("steps", 13)]:
            h5.create_dataset(name, data=cells("<i4", (length, 4)), chunks=(4, 4), maxshape=(None, 4))
    whole = selected((15, 4), (0, 0), (endless, 1), (1, 1), (1, 4), (endless, 4))
    third = selected((15, 4), (1, 0), (endless, 1), (3, 1), (2, 4), (endless, 4))
    odd = selected((15, 4), (1, 0), (endless, 1), (2, 1), (1, 4), (endless, 4))
    even = selected((15, 4), (0, 0), (endless, 1), (2, 1), (1, 4), (endless, 4))
    block = selected((15, 4), (2, 0), (1, 1), (1, 1), (endless, 4), (endless, 4))
    few = selected((15, 4), (9, 0), (3, 4))
    with new("virtual_grown.h5") as h5:
        for name in ("more", "less", "none", "gone"):
            low_virtual(h5, name, (15, 4), [(whole, "grown.h5", name, whole)], (endless, 4))
        low_virtual(h5, "spread", (15, 4), [(third, "grown.h5", "more", whole)], (endless, 4))
        low_virtual(h5, "thin", (15, 4), [(whole, "grown.h5", "more", third)], (endless, 4))
        low_virtual(h5, "both", (15, 4), [(odd, "grown.h5", "less", whole), (even, "grown.h5", "steps", whole)], (endless, 4))
        low_virtual(h5, "late", (15, 4), [(block, "grown.h5", "less", whole)], (endless, 4))
        least = selected((3, 4), (0, 0), (3, 4))
        low_virtual(h5, "least", (15, 4), [(whole, "grown.h5", "less", whole), (few, "grown.h5", "more", least)], (endless, 4))
        low_virtual(h5, "bounded", (15, 4), [(whole, "grown.h5", "more", whole)], (endless, 4))
    return "virtual_grown.h5"


def virtual_numbered():
    """Blocks from sources of numbered names, of which there are more and fewer than when the virtual datasets were made."""
    endless = h5py.h5s.UNLIMITED
    with new("numbered.h5") as h5:
        for i in (0, 1, 2, 4):
            h5[f"more{i}"] = cells("<i4", (3, 4)) + i
        h5["less0"] = cells("<i4", (3, 4))
        h5["50%0"] = cells("<i4", (3, 4))
    here = selected((6, 4), (0, 0), (endless, 1), (3, 4), (3, 4), (endless, 4))
    gaps = selected((6, 4), (1, 0), (endless, 1), (5, 4), (3, 4), (endless, 4))
    there = selected((3, 4), (0, 0), (3, 4))
    with new("virtual_numbered.h5") as h5:
        for name, dataset in [("more", "more%b"), ("less", "less%b"), ("none", "none%b"), ("percent", "50%%%b")]:
            low_virtual(h5, name, (6, 4), [(here, "numbered.h5", dataset, there)], (endless, 4))
        low_virtual(h5, "gaps", (6, 4), [(gaps, "numbered.h5", "more%b", there)], (endless, 4))
    return "virtual_numbered.h5"


def virtual_texts():
    """Texts and lists in the heaps of sources, texts of fixed length, and some that are nowhere."""
    some = np.array([f"text {i}" * (i % 3) for i in range(6)], dtype=object)
    for part in range(2):
        with new(f"texts_{part}.h5") as h5:
            h5.create_dataset("text", data=[f"{part}: {text}" for text in some], dtype=h5py.string_dtype())
            h5["fixed"] = np.array([f"{part}{i}" * 3 for i in range(6)], "S6")
            lists = h5.create_dataset("list", (6,), h5py.vlen_dtype("<i2"))
            for i in range(6):
                lists[i] = np.arange(i) * 10 + part
            pairs = h5.create_dataset("pair", (6,), np.dtype([("n", "<i4"), ("name", h5py.string_dtype())]))
            pairs[:] = np.array([(i + part, text) for i, text in enumerate(some)], pairs.dtype)
    kinds = {"text": h5py.string_dtype(), "fixed": "S6", "list": h5py.vlen_dtype("<i2")}
    kinds["pair"] = np.dtype([("n", "<i4"), ("name", h5py.string_dtype())])
    with new("virtual_texts.h5") as h5:
        for name, kind in kinds.items():
            layout = h5py.VirtualLayout((3, 6), kind)
            layout[0] = h5py.VirtualSource("texts_0.h5", name, (6,))
            layout[1, 1:4] = h5py.VirtualSource("texts_1.h5", name, (6,))[1::2]
            h5.create_virtual_dataset(name, layout)
        for name, width in [("shorter", "S4"), ("longer", "S9")]:
            layout = h5py.VirtualLayout((6,), width)
            layout[:] = h5py.VirtualSource("texts_1.h5", "fixed", (6,))
            h5.create_virtual_dataset(name, layout)
    return "virtual_texts.h5"


def virtual_points():
    """Selections that are no product of ranges."""
    with new("virtual_points.h5") as h5:
        here = selected((6, 10), (0, 0), (3, 4))
        here.select_hyperslab((4, 5), (2, 3), op=h5py.h5s.SELECT_OR)
        there = selected((20, 10), (1, 1), (2, 9))
        low_virtual(h5, "union", (6, 10), [(here, "source_0.h5", "data", there)])
    return "virtual_points.h5"


def virtual_nested():
    layout = h5py.VirtualLayout((20,), "i4")
    layout[:] = h5py.VirtualSource("virtual_stack.h5", "stack", (4, 20, 10))[2, :, 3]
    with new("virtual_nested.h5") as h5:
        h5.create_virtual_dataset("x", layout)
    return "virtual_nested.h5"


def virtual_filled():
    with new("virtual_filled.h5") as h5:
        h5.create_virtual_dataset("x", h5py.VirtualLayout((4, 5), "f4"), fillvalue=2.5)
    return "virtual_filled.h5"


def virtual_loop():
    """Two virtual datasets that are made of each other."""
    with new("virtual_loop.h5") as h5:
        for name, other in [("a", "b"), ("b", "a")]:
            layout = h5py.VirtualLayout((4,), "i4")
            layout[:] = h5py.VirtualSource("virtual_loop.h5", other, (4,))
            h5.create_virtual_dataset(name, layout)
        h5["own"] = np.arange(3)
    return "virtual_loop.h5"


def virtual_types():
    """Numbers of another type than their sources."""
    layout = h5py.VirtualLayout((20,), "f4")
    layout[:] = h5py.VirtualSource("source_0.h5", "group/values", (20,))
    with new("virtual_types.h5") as h5:
        h5.create_virtual_dataset("x", layout)
    return "virtual_types.h5"


def virtual_shared():
    """Many sources in one list, in the newest form of it."""
    layout = h5py.VirtualLayout((80, 10), "i4")
    for i in range(80):
        layout[i] = h5py.VirtualSource(f"source_{i % 4}.h5", "data", (20, 10))[i // 4]
    with new("virtual_shared.h5") as h5:
        h5.create_virtual_dataset("x", layout)
    return "virtual_shared.h5"


def attribute_types():
    with new("attribute_types.h5") as h5:
        made = h5.create_dataset("x", data=np.arange(5))
        made.attrs["vlen"] = np.array([np.arange(3), np.arange(2)], object) if False else "text"
        made.attrs["compound"] = np.zeros(2, [("a", "i4")])
        made.attrs["empty"] = h5py.Empty("f4")
        made.attrs["bool"] = True
        made.attrs["complex"] = 1 + 2j
        made.attrs["array"] = np.arange(6).reshape(2, 3)
        made.attrs["valid_max"] = np.int8(3)
        made.attrs["reference"] = made.ref
        made.attrs.create("enum", 1, dtype=h5py.enum_dtype({"A": 1}, "i1"))
    return "attribute_types.h5"


def paged():
    with h5py.File("paged.h5", "w", fs_strategy="page", fs_page_size=4096, libver="latest") as h5:
        h5["x"] = np.arange(1000)
        h5.create_dataset("chunked", data=cells("f4", (50, 50)), chunks=(9, 9), maxshape=(None, 50), compression="gzip")
    return "paged.h5"


def closed_tree():
    """Links were added and taken away, so that trees and heaps have holes."""
    with new("holes.h5") as h5:
        for i in range(100):
            h5[f"g/x{i}"] = np.array([i])
        for i in range(0, 100, 2):
            del h5[f"g/x{i}"]
        for i in range(40):
            h5[f"g/new{i}"] = np.arange(3)
    return "holes.h5"
