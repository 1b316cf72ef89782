"""Files with every datatype."""

import h5py
import numpy as np

from feature_storage import cells, low_level, nbit_type


def write():
    makers = [
        integers, floats, odd_integers, odd_floats, long_double, quad, bfloat, enums, bools, fixed_strings, vlen_strings, null_strings,
        compounds, nested_compound, compound_chunked, compound_texts, compound_arrays, compound_vlens, vlens, vlen_texts,
        vlen_of_vlen, vlen_of_compound, vlen_chunked, opaques, bitfields, references, complexes, arrays, array_of_compound, chars,
        empties, ranks, wide_cells, committed, packed_compound, native_complex, times, fills_of_types, compound_deep,
    ]
    return [made for maker in makers for made in [attempt(maker)] if made]


def attempt(maker):
    """Some libraries lack what the newest have; their file is then left out."""
    name = f"type_{maker.__name__}.h5"
    try:
        with h5py.File(name, "w", libver="latest") as h5:
            maker(h5)
        return name
    except Exception as error:  # whatever way it lacks it
        print(f"left out {name}: {error}")
        return None


def typed(h5, name, stored, memory, values):
    """A dataset of a type that h5py's high level does not write."""
    made = h5py.h5d.create(h5.id, name.encode(), stored, h5py.h5s.create_simple(values.shape))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=memory)


def raw(h5, name, stored, data, shape):
    """A dataset of the given bytes: no conversion is there to write it."""
    made = h5py.h5d.create(h5.id, name.encode(), stored, h5py.h5s.create_simple(shape))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.frombuffer(data, "u1"), mtype=stored)


def integers(h5):
    for dtype in ["i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8"]:
        limits = np.iinfo(dtype)
        values = np.array([limits.min, limits.max, 0, 1, limits.max // 3], dtype)
        h5["x" + dtype.replace("<", "l").replace(">", "b")] = values


def floats(h5):
    for dtype in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]:
        limits = np.finfo(dtype)
        values = np.array([limits.min, limits.max, limits.tiny, 0, -0.0, 1 / 3, np.nan, limits.smallest_subnormal], dtype)
        h5["x" + dtype.replace("<", "l").replace(">", "b")] = values
    h5["infinite"] = np.array([np.inf, -np.inf, 1.0], "f4")


def odd_integers(h5):
    for name, base, precision, offset in [("a", h5py.h5t.STD_I32LE, 24, 0), ("b", h5py.h5t.STD_I32BE, 24, 8),
                                          ("c", h5py.h5t.STD_U64LE, 40, 5), ("d", h5py.h5t.STD_I16LE, 9, 7)]:
        signed = name != "c"
        typed(h5, name, nbit_type(base, precision, offset), None, cells("i8" if signed else "u8", (6, 5)))
    for size in [3, 5, 6, 7]:
        for order, label in [(h5py.h5t.ORDER_LE, "le"), (h5py.h5t.ORDER_BE, "be")]:
            stored = h5py.h5t.STD_I64LE.copy()
            stored.set_order(order)
            stored.set_precision(size * 8)
            stored.set_size(size)
            typed(h5, f"i{size}{label}", stored, None, cells("i8", (4, 5)) * 1000)
            h5[f"i{size}{label}_plain"] = cells("i8", (4, 5)) * 1000


def odd_floats(h5):
    stored = h5py.h5t.IEEE_F32LE.copy()
    stored.set_fields(23, 15, 8, 0, 15)  # 24 bits: sign, 8 of exponent, 15 of mantissa
    stored.set_precision(24)
    stored.set_size(3)
    typed(h5, "f24", stored, None, cells("f4", (4, 6)))
    stored = h5py.h5t.IEEE_F64BE.copy()
    stored.set_fields(43, 35, 8, 0, 35)
    stored.set_precision(44)
    stored.set_ebias(127)
    typed(h5, "f44", stored, None, cells("f8", (4, 6)))


def long_double(h5):
    h5["x"] = np.array([0, 1.5, -2.25e300, np.nan, 1 / 3, np.inf, 1e-310], np.longdouble)
    h5.create_dataset("chunked", data=cells("f8", (20, 9)).astype(np.longdouble), chunks=(8, 4), compression="gzip", shuffle=True)


def quad(h5):
    stored = h5py.h5t.IEEE_F64LE.copy()
    stored.set_size(16)
    stored.set_precision(128)
    stored.set_fields(127, 112, 15, 0, 112)
    stored.set_ebias(16383)
    typed(h5, "x", stored, None, cells("f8", (4, 6)) * 1e200)
    h5["x_plain"] = cells("f8", (4, 6)) * 1e200


def bfloat(h5):
    stored = h5py.h5t.IEEE_F32LE.copy()
    stored.set_fields(15, 7, 8, 0, 7)
    stored.set_precision(16)
    stored.set_size(2)
    typed(h5, "bf16", stored, None, cells("f4", (4, 6)))
    stored = h5py.h5t.IEEE_F16LE.copy()
    stored.set_fields(7, 2, 5, 0, 2)
    stored.set_precision(8)
    stored.set_size(1)
    typed(h5, "f8_e5m2", stored, None, cells("f4", (4, 6)))


def enums(h5):
    for dtype in ["u1", "<i4", ">i2"]:
        kind = h5py.enum_dtype({"LAND": 0, "SEA": 1, "ICE": 5}, dtype)
        h5.create_dataset("x" + dtype.strip("<>"), data=np.array([0, 1, 5, 1]), dtype=kind)


def bools(h5):
    h5["x"] = np.array([True, False, True])
    h5.create_dataset("chunked", data=np.arange(90).reshape(9, 10) % 3 == 0, chunks=(4, 4), compression="gzip")
    h5["one"] = np.True_


def fixed_strings(h5):
    texts = ["abc", "", "x y ", "größe", "12345678"]
    for charset in ["ascii", "utf-8"]:
        values = [text if charset == "utf-8" else text.replace("ö", "o").replace("ß", "s") for text in texts]
        h5.create_dataset(charset, data=np.array([v.encode() for v in values], h5py.string_dtype(charset, 10)))
    for name, padding in [("terminated", h5py.h5t.STR_NULLTERM), ("padded", h5py.h5t.STR_NULLPAD), ("spaces", h5py.h5t.STR_SPACEPAD)]:
        stored = h5py.h5t.C_S1.copy()
        stored.set_size(9)
        stored.set_strpad(padding)
        typed(h5, name, stored, None, np.array([b"abc", b"", b"a b", b"12345678"], "S9"))
    h5.create_dataset("chunked", data=np.array([b"ab", b"c"] * 20), chunks=(7,), compression="gzip")


def vlen_strings(h5):
    texts = ["abc", "", "x y ", "größe", "long " * 1000]
    h5.create_dataset("utf8", data=texts, dtype=h5py.string_dtype())
    h5.create_dataset("ascii", data=[t.replace("ö", "o").replace("ß", "s") for t in texts], dtype=h5py.string_dtype("ascii"))
    h5.create_dataset("grid", data=np.array([[f"{i},{j}" for j in range(9)] for i in range(11)], object), dtype=h5py.string_dtype(),
                      chunks=(4, 4), compression="gzip")
    h5.create_dataset("scalar", data="one text")
    h5.create_dataset("filled", (4,), h5py.string_dtype(), fillvalue="none")[1] = "some"


def null_strings(h5):
    made = h5.create_dataset("x", (5,), h5py.string_dtype())
    made[2] = "here"


def record(count=7):
    values = np.zeros(count, [("id", "<i4"), ("value", ">f8"), ("flag", "u1"), ("name", "S5")])
    values["id"], values["value"], values["flag"] = np.arange(count), cells("f8", (count,)), np.arange(count) % 2
    values["name"] = [f"n{i}".encode() for i in range(count)]
    return values


def compounds(h5):
    h5["x"] = record()
    h5["scalar"] = record()[3]
    h5["other"] = np.arange(7.0)


def nested_compound(h5):
    values = np.zeros((4, 3), [("where", [("lat", "f4"), ("lon", "f4")]), ("n", "<i2")])
    values["where"]["lat"], values["where"]["lon"], values["n"] = cells("f4", (4, 3)), cells("f4", (4, 3), 2), cells("i2", (4, 3))
    h5["x"] = values


def compound_deep(h5):
    kind = np.dtype([("v", "<i4")])
    for _ in range(6):
        kind = np.dtype([("in", kind)])
    values = np.arange(5, dtype="i4").view(kind)
    h5["x"] = values


def compound_chunked(h5):
    h5.create_dataset("x", data=record(50), chunks=(16,), maxshape=(None,), compression="gzip", shuffle=True)
    h5.create_dataset("sparse", (50,), record().dtype, chunks=(10,), fillvalue=record()[3])[7:9] = record()[:2]


def compound_texts(h5):
    kind = np.dtype([("name", h5py.string_dtype()), ("code", h5py.string_dtype("ascii", 4)), ("n", "<i4")])
    values = np.array([("größe", b"ab", 1), ("", b"", 2), ("x" * 500, b"abcd", 3)], kind)
    h5["x"] = values


def compound_arrays(h5):
    values = np.zeros(5, [("a", "<f4", (3,)), ("b", ">i2", (2, 2)), ("c", "<i4")])
    values["a"], values["b"], values["c"] = cells("f4", (5, 3)), cells("i2", (5, 2, 2)), np.arange(5)
    h5["x"] = values


def compound_vlens(h5):
    kind = np.dtype([("list", h5py.vlen_dtype("<i4")), ("n", "<i4")])
    made = h5.create_dataset("x", (4,), kind)
    for i in range(4):
        made[i] = (np.arange(i, dtype="i4"), i)


def vlens(h5):
    for dtype in ["<i4", "<f8", "u1", "<f4"]:  # h5py reads big-endian lists wrongly
        made = h5.create_dataset("x" + np.dtype(dtype).name, (5,), h5py.vlen_dtype(dtype))
        for i in range(4):
            made[i] = cells(dtype, (i * 3,))


def vlen_texts(h5):
    made = h5.create_dataset("x", (3,), h5py.vlen_dtype(h5py.string_dtype()))
    made[0] = np.array(["a", "größe"], object)
    made[2] = np.array(["", "b", "c"], object)


def vlen_of_vlen(h5):
    made = h5.create_dataset("x", (2,), h5py.vlen_dtype(h5py.vlen_dtype("i4")))
    inner = np.empty(2, object)
    inner[:] = [np.array([1, 2], "i4"), np.array([3], "i4")]
    made[0] = inner


def vlen_of_compound(h5):
    made = h5.create_dataset("x", (4,), h5py.vlen_dtype(record().dtype))
    made[1] = record(2)
    made[3] = record(3)


def vlen_chunked(h5):
    made = h5.create_dataset("x", (20, 5), h5py.vlen_dtype("f8"), chunks=(6, 2), compression="gzip")
    for i in range(0, 20, 2):
        for j in range(5):
            made[i, j] = cells("f8", (i + j,))


def opaques(h5):
    h5["x"] = np.array([b"\0\1\2", b"abc", b"\xff\0\0"], "V3")
    h5["when"] = np.array(["2020-01-01", "1999-12-31"], "datetime64[s]").astype(h5py.opaque_dtype("datetime64[s]"))


def bitfields(h5):
    for name, stored, dtype in [("b8", h5py.h5t.STD_B8LE, "u1"), ("b16", h5py.h5t.STD_B16BE, ">u2"), ("b32", h5py.h5t.STD_B32LE, "u4"),
                                ("b64", h5py.h5t.STD_B64LE, "u8")]:
        raw(h5, name, stored, np.array([1, 2, 200], dtype).tobytes(), (3,))


def references(h5):
    h5["target"] = np.arange(5)
    made = h5.create_dataset("objects", (3,), h5py.ref_dtype)
    made[0] = h5["target"].ref
    regions = h5.create_dataset("regions", (2,), h5py.regionref_dtype)
    regions[0] = h5["target"].regionref[1:3]
    h5["after"] = np.arange(3.0)


def complexes(h5):
    for dtype in ["<c8", ">c16", "<c16"]:
        h5["x" + dtype.replace("<", "l").replace(">", "b")] = (cells("f8", (5, 4)) + 1j * cells("f8", (5, 4), 2)).astype(dtype)
    h5.create_dataset("chunked", data=np.arange(50) * (1 + 2j), chunks=(8,), compression="gzip", shuffle=True)


def native_complex(h5):
    stored = h5py.h5t.COMPLEX_IEEE_F64LE
    raw(h5, "x", stored, (np.arange(6) * (1 + 2j)).astype("<c16").tobytes(), (6,))


def arrays(h5):
    h5.create_dataset("x", data=cells("f4", (6, 3)), dtype=None)
    made = h5.create_dataset("vector", (6,), np.dtype(("<f4", (3,))))
    made[...] = cells("f4", (6, 3))
    made = h5.create_dataset("matrix", (4, 5), np.dtype((">i2", (2, 3))), chunks=(3, 3), compression="gzip")
    made[...] = cells(">i2", (4, 5, 2, 3))
    made = h5.create_dataset("texts", (2,), np.dtype(("S4", (2,))))
    made[...] = np.array([[b"a", b"bc"], [b"", b"defg"]])


def array_of_compound(h5):
    kind = np.dtype([("u", "<f4"), ("v", "<i4")])
    values = np.zeros((4, 3), kind)
    values["u"], values["v"] = cells("f4", (4, 3)), cells("i4", (4, 3))
    made = h5.create_dataset("x", (4,), np.dtype((kind, (3,))))
    made[...] = values


def chars(h5):
    h5["letters"] = np.array([b"a", b"b", b"c"])
    h5["words"] = np.array([[b"o", b"n", b"e", b""], [b"t", b"w", b"o", b""]])


def empties(h5):
    h5["null"] = h5py.Empty("f4")
    h5.create_dataset("none", (0,), "f4")
    h5.create_dataset("none_grown", (0, 5), "i4", maxshape=(None, 5), chunks=(4, 5))
    h5["scalar"] = 3.5
    h5["here"] = np.arange(4)


def ranks(h5):
    for rank in [3, 5, 8, 32]:
        shape = tuple(2 if i < 6 else 1 for i in range(rank))
        h5.create_dataset(f"r{rank}", data=cells("i4", shape))
    h5.create_dataset("chunked", data=cells("f4", (5, 4, 3, 4, 5)), chunks=(2, 3, 2, 3, 2), compression="gzip")


def wide_cells(h5):
    h5["x"] = np.zeros(3, [(f"m{i}", "<i4") for i in range(60)])


def committed(h5):
    h5["kind"] = np.dtype("<f4")
    h5["pair"] = record().dtype
    made = h5.create_dataset("x", (5,), h5["kind"])
    made[...] = cells("f4", (5,))
    made.attrs.create("scale", 2.0, dtype=h5["kind"])
    h5.create_dataset("records", data=record(), dtype=h5["pair"])


def packed_compound(h5):
    values = np.zeros(6, np.dtype({"names": ["b", "a"], "formats": ["<i2", ">f8"], "offsets": [13, 1], "itemsize": 20}))
    values["a"], values["b"] = cells("f8", (6,)), np.arange(6)
    h5["x"] = values


def times(h5):
    raw(h5, "x", h5py.h5t.UNIX_D32LE, np.arange(4, dtype="<i4").tobytes(), (4,))
    h5["after"] = np.arange(3.0)


def fills_of_types(h5):
    for dtype, fill in [("<i2", -5), (">f8", 2.5), ("S3", b"no"), ("bool", True), ("<u8", 2**63)]:
        h5.create_dataset("x" + np.dtype(dtype).name, (5, 5), dtype, chunks=(2, 2), fillvalue=fill)[:2, :2] = np.ones((2, 2), dtype)
