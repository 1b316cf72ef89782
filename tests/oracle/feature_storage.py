"""Files with every layout, chunk index and filter."""

import h5py
import numpy as np

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None

LIBVERS = ["earliest", "v108", "v110", "v112", "v114", "latest"]
NUMBERS = ["i1", "u1", "<i2", ">u2", "<i4", ">i4", "<u4", "<i8", ">u8", "<f4", ">f4", "<f8", ">f8"]


def cells(dtype, shape, seed=1):
    """Smooth numbers that fit any type, some negative where the type has a sign."""
    count = int(np.prod(shape))
    wave = np.round(50 + 45 * np.sin(np.arange(count) / 7.0 + seed)) + (np.arange(count) * seed) % 5
    if np.dtype(dtype).kind != "u":
        wave -= 40
    if np.dtype(dtype).kind == "f":
        wave = wave / 8
    return wave.reshape(shape).astype(dtype)


def write():
    files = []
    for libver in LIBVERS:
        files += layouts(libver)
    files += filters() + masks()
    return files


def new(name, libver="latest", **options):
    return h5py.File(name, "w", libver=(libver, "latest") if libver == "earliest" else libver, **options)


def layouts(libver):
    """Each kind of storage and of chunk index, in files of their own: which index there is the library decides."""
    kinds = {
        "contiguous": dict(shape=(11, 13)),
        "compact": dict(shape=(5, 6), compact=True),
        "never_written": dict(shape=(7, 9), skip=True, fillvalue=3),
        "single": dict(shape=(11, 13), chunks=(11, 13)),
        "single_deflate": dict(shape=(11, 13), chunks=(11, 13), compression="gzip"),
        "fixed": dict(shape=(33, 20), chunks=(4, 7)),
        "fixed_deflate": dict(shape=(33, 20), chunks=(4, 7), compression="gzip", shuffle=True),
        "fixed_pages": dict(shape=(3000,), chunks=(2,)),
        "early": dict(shape=(33, 20), chunks=(4, 7), early=True),
        "extensible": dict(shape=(33, 20), chunks=(4, 7), maxshape=(None, 20)),
        "extensible_second": dict(shape=(9, 40), chunks=(4, 3), maxshape=(12, None), compression="gzip"),
        "extensible_long": dict(shape=(9000,), chunks=(2,), maxshape=(None,)),
        "tree2": dict(shape=(33, 20), chunks=(4, 7), maxshape=(None, None)),
        "tree2_deflate": dict(shape=(90, 90), chunks=(2, 3), maxshape=(None, None), compression="gzip"),
        "sparse": dict(shape=(40, 40), chunks=(8, 8), sparse=True, fillvalue=-7),
        "sparse_extensible": dict(shape=(4000, 3), chunks=(1, 3), maxshape=(None, 3), sparse=True, fillvalue=-7),
        "sparse_tree2": dict(shape=(40, 40), chunks=(8, 8), maxshape=(None, None), sparse=True, compression="gzip"),
        "shrunk": dict(shape=(40, 40), chunks=(8, 8), maxshape=(80, None), resize=(21, 19)),
        "grown": dict(shape=(10, 10), chunks=(4, 4), maxshape=(None, None), resize=(23, 17), fillvalue=5),
    }
    return [layout(f"{kind}_{libver}.h5", libver, **about) for kind, about in kinds.items()]


def layout(name, libver, shape, compact=False, skip=False, sparse=False, early=False, resize=None, **options):
    with new(name, libver) as h5:
        for dtype in ["<i4", ">f8"]:
            if compact or early:
                made = low_level(h5, dtype, shape, compact, options)
            else:
                made = h5.create_dataset(f"x_{np.dtype(dtype).name}", shape, dtype, **options)
            if sparse:
                made[3:9, ...] = cells(dtype, (6,) + shape[1:])
                made[-1:, ...] = cells(dtype, (1,) + shape[1:], 2)
            elif not skip:
                made[...] = cells(dtype, shape)
            if resize:
                made.resize(resize)
    return name


def low_level(h5, dtype, shape, compact, options):
    """What h5py's own functions do not offer: compact storage, and chunks that are there from the beginning."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if compact:
        plist.set_layout(h5py.h5d.COMPACT)
    else:
        plist.set_chunk(options["chunks"])
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    name = f"x_{np.dtype(dtype).name}".encode()
    space = h5py.h5s.create_simple(shape)
    return h5py.Dataset(h5py.h5d.create(h5.id, name, h5py.h5t.py_create(np.dtype(dtype)), space, plist))


def filters():
    gzip = dict(compression="gzip", compression_opts=4)
    kinds = {
        "deflate": gzip,
        "shuffle": dict(shuffle=True),
        "shuffle_deflate": dict(shuffle=True, **gzip),
        "fletcher": dict(fletcher32=True),
        "fletcher_deflate": dict(fletcher32=True, shuffle=True, **gzip),
        "lzf": dict(compression="lzf"),
        "lzf_shuffle": dict(compression="lzf", shuffle=True, fletcher32=True),
    }
    files = [filtered(f"filter_{kind}.h5", options) for kind, options in kinds.items()]
    for method in ["nn", "ec"]:
        for block in [4, 8, 16, 32]:
            options = dict(compression="szip", compression_opts=(method, block))
            files.append(filtered(f"filter_szip_{method}_{block}.h5", options))
    files.append(filtered("filter_szip_shuffle.h5", dict(compression="szip", shuffle=True)))
    files.append(szip_long())
    integers = [dtype for dtype in NUMBERS if "f" not in dtype]
    for bits in [0, 8]:
        files.append(filtered(f"filter_scaleoffset_{bits}.h5", dict(scaleoffset=bits), integers))
    for digits in [0, 1, 3]:
        files.append(filtered(f"filter_scaleoffset_d{digits}.h5", dict(scaleoffset=digits), ["<f4", ">f4", "<f8", ">f8"]))
    files.append(filtered("filter_scaleoffset_deflate.h5", dict(scaleoffset=0, shuffle=True, **gzip), integers))
    files += [scaleoffset_fill(), nbit(), nbit_compound()]
    return files + (plugins() if hdf5plugin else [])


def plugins():
    """Filters that `hdf5plugin` brings."""
    kinds = {
        "zstd": hdf5plugin.Zstd(),
        "zstd_19": hdf5plugin.Zstd(clevel=19),
        "lz4": hdf5plugin.LZ4(),
        "lz4_blocks": hdf5plugin.LZ4(nbytes=64),
        "bzip2": hdf5plugin.BZip2(),
        "bitshuffle": hdf5plugin.Bitshuffle(cname="none"),
        "bitshuffle_lz4": hdf5plugin.Bitshuffle(cname="lz4"),
        "bitshuffle_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
        "bitshuffle_lz4_blocks": hdf5plugin.Bitshuffle(nelems=16, cname="lz4"),
    }
    for codec in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]:
        for shuffle in [0, 1, 2]:
            kinds[f"blosc_{codec}_{shuffle}"] = hdf5plugin.Blosc(cname=codec, clevel=5, shuffle=shuffle)
    kinds["blosc_0"] = hdf5plugin.Blosc(cname="lz4", clevel=0)
    for codec in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]:
        for filtering in [0, 1, 2, 3]:
            kinds[f"blosc2_{codec}_{filtering}"] = hdf5plugin.Blosc2(cname=codec, clevel=5, filters=filtering)
    files = [filtered(f"filter_{kind}.h5", dict(compression=filter_)) for kind, filter_ in kinds.items()]
    for kind in ["zstd", "lz4", "bzip2", "bitshuffle_lz4", "blosc_lz4_1", "blosc_blosclz_1", "blosc2_lz4_1", "blosc2_zstd_2"]:
        files.append(large(f"large_{kind}.h5", dict(compression=kinds[kind])))
    files.append(filtered("filter_shuffle_zstd.h5", dict(compression=hdf5plugin.Zstd(), shuffle=True, fletcher32=True)))
    floats = ["<f4", "<f8"]
    lossy = {
        "zfp": hdf5plugin.Zfp(reversible=True),
        "sz": hdf5plugin.SZ(absolute=0.01),
        "sz3": hdf5plugin.SZ3(absolute=0.01),
        "sperr": hdf5plugin.Sperr(),
    }
    return files + [filtered(f"refused_{kind}.h5", dict(compression=one), floats) for kind, one in lossy.items()]


def filtered(name, options, dtypes=NUMBERS):
    """A dataset of each type, whose last chunks overhang it."""
    with new(name, "earliest") as h5:
        for i, dtype in enumerate(dtypes):
            shape = (50, 37)
            label = np.dtype(dtype).name + ("_be" if dtype[0] == ">" else "")
            h5.create_dataset(label, data=cells(dtype, shape, i + 1), chunks=(16, 20), **options)
    return name


def large(name, options):
    """Chunks of many blocks, as codecs cut them, of noise and of runs."""
    noise = np.random.default_rng(3)
    with new(name) as h5:
        values = noise.integers(-1000, 1000, (300, 500)).astype("i4")
        values[100:200] = 7
        h5.create_dataset("noise", data=values, chunks=(256, 512 - 12), **options)
        smooth = np.cumsum(noise.standard_normal((300, 500)), axis=1).astype("f4")
        h5.create_dataset("smooth", data=smooth, chunks=(300, 300), **options)
        h5.create_dataset("bytes", data=noise.integers(0, 256, 200_000).astype("u1"), chunks=(131_072,), **options)
        h5.create_dataset("zeros", data=np.zeros((400, 400)), chunks=(400, 400), **options)
    return name


def szip_long():
    """Long runs of zeros, and noise that szip stores as it is."""
    noise = np.random.default_rng(5)
    with new("filter_szip_long.h5") as h5:
        for dtype in ["u1", "<i2", ">i2", "<i4", "<f4", "<f8", ">f8"]:
            label = np.dtype(dtype).name + ("_be" if dtype[0] == ">" else "")
            values = np.zeros((128, 130), dtype)
            values[40:50] = noise.integers(0, 255, (10, 130))
            values[90, ::7] = 3
            h5.create_dataset(label, data=values, chunks=(64, 100), compression="szip", compression_opts=("nn", 16))
        wild = noise.integers(0, 256, (64, 64, 4)).astype("u1").view("<u4")[..., 0]
        h5.create_dataset("wild", data=wild, chunks=(50, 50), compression="szip", compression_opts=("ec", 32))
    return "filter_szip_long.h5"


def scaleoffset_fill():
    """Fill values have a number of their own in what scaleoffset stores."""
    with new("filter_scaleoffset_fill.h5") as h5:
        for dtype in ["<i2", ">i4", "<u1", "<f4"]:
            made = h5.create_dataset(np.dtype(dtype).name, (40, 30), dtype, chunks=(16, 16), scaleoffset=0 if "f" not in dtype else 2,
                                     fillvalue=99)
            made[5:20, 3:17] = cells(dtype, (15, 14)) / (1 if "f" not in dtype else 4)
        h5.create_dataset("constant", data=np.full((20, 20), 1234, "i4"), chunks=(10, 10), scaleoffset=0)
        h5.create_dataset("wide", data=np.array([-2**62, 2**62, 0, 5], "i8"), chunks=(4,), scaleoffset=0)
    return "filter_scaleoffset_fill.h5"


def nbit_type(base, precision, offset):
    made = base.copy()
    made.set_precision(precision)
    made.set_offset(offset)
    return made


def nbit():
    """Integers and floats with fewer bits than bytes hold, packed by the n-bit filter and not."""
    with new("filter_nbit.h5") as h5:
        kinds = {
            "i32_17": nbit_type(h5py.h5t.STD_I32LE, 17, 0),
            "i32_17_3": nbit_type(h5py.h5t.STD_I32LE, 17, 3),
            "i32be_20_7": nbit_type(h5py.h5t.STD_I32BE, 20, 7),
            "u16_12": nbit_type(h5py.h5t.STD_U16LE, 12, 2),
            "u16be_9_4": nbit_type(h5py.h5t.STD_U16BE, 9, 4),
            "i8_5": nbit_type(h5py.h5t.STD_I8LE, 8, 0),
            "u64_33": nbit_type(h5py.h5t.STD_U64LE, 33, 11),
            "f32_whole": h5py.h5t.IEEE_F32LE.copy(),
            "f64be_whole": h5py.h5t.IEEE_F64BE.copy(),
        }
        for name, stored in kinds.items():
            for packed in [True, False]:
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((16, 16))
                if packed:
                    plist.set_filter(5, 0)
                space = h5py.h5s.create_simple((30, 21))
                label = f"{name}{'' if packed else '_unpacked'}".encode()
                made = h5py.h5d.create(h5.id, label, stored, space, plist)
                memory = ("f8" if name[0] == "f" else "i8" if name[0] == "i" else "u8")
                values = cells(memory, (30, 21))
                made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return "filter_nbit.h5"


def nbit_compound():
    with new("filter_nbit_compound.h5") as h5:
        stored = h5py.h5t.create(h5py.h5t.COMPOUND, 12)
        stored.insert(b"a", 0, nbit_type(h5py.h5t.STD_I32LE, 11, 4))
        stored.insert(b"b", 4, nbit_type(h5py.h5t.STD_U16LE, 10, 1))
        stored.insert(b"c", 8, h5py.h5t.IEEE_F32LE)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((16,))
        plist.set_filter(5, 0)
        made = h5py.h5d.create(h5.id, b"x", stored, h5py.h5s.create_simple((37,)), plist)
        values = np.zeros(37, [("a", "i4"), ("b", "u2"), ("c", "f4")])
        for name in ["a", "b", "c"]:
            values[name] = cells(values.dtype[name], (37,))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return "filter_nbit_compound.h5"


def masks():
    """Chunks of one dataset that went through all, some or none of its filters."""
    import zlib

    with new("filter_masks.h5") as h5:
        made = h5.create_dataset("x", (40,), "<i4", chunks=(10,), shuffle=True, compression="gzip")
        whole = cells("<i4", (40,))
        made[:10] = whole[:10]
        plain = [whole[i:i + 10].tobytes() for i in range(0, 40, 10)]
        made.id.write_direct_chunk((10,), plain[1], 3)
        made.id.write_direct_chunk((20,), zlib.compress(plain[2]), 1)
        shuffled = np.frombuffer(plain[3], "u1").reshape(10, 4).T.tobytes()
        made.id.write_direct_chunk((30,), shuffled, 2)
    return ["filter_masks.h5"]
