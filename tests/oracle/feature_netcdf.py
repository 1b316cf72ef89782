"""Files that the netCDF library writes."""

import netCDF4
import numpy as np

from feature_storage import cells

NUMBERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def write():
    files = [numbers(f"nc_{form.lower()}.nc", form) for form in
             ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4", "NETCDF4_CLASSIC"]]
    for kind in ["zlib", "szip", "zstd", "bzip2", "blosc_lz", "blosc_lz4", "blosc_lz4hc", "blosc_zlib", "blosc_zstd"]:
        name = f"nc_{kind}.nc"
        try:
            compressed(name, kind)
            files.append(name)
        except (RuntimeError, ValueError) as error:
            print(f"left out {name}: {error}")
    makers = [filled, masked, packed, endian, checksums, groups, unlimited, strings, chars, vlens, compounds, enums, quantized, scalars,
              coordinates, unnamed_order]
    for maker in makers:
        name = f"nc_{maker.__name__}.nc"
        with netCDF4.Dataset(name, "w") as nc:
            maker(nc)
        files.append(name)
    return files


def numbers(name, form):
    with netCDF4.Dataset(name, "w", format=form) as nc:
        nc.createDimension("x", 7)
        nc.createDimension("t", None)
        classic = form in ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF4_CLASSIC"]
        for dtype in [d for d in NUMBERS if not classic or d in ["i1", "i2", "i4", "f4", "f8"]]:
            nc.createVariable(f"v{dtype}", dtype, ("t", "x"))[:] = cells(dtype, (5, 7))
            nc.createVariable(f"u{dtype}", dtype, ("x",))[2:5] = cells(dtype, (3,))
    return name


def compressed(name, kind):
    with netCDF4.Dataset(name, "w") as nc:
        nc.createDimension("y", 50)
        nc.createDimension("x", 37)
        for dtype in NUMBERS:
            options = dict(blosc_shuffle=2) if kind.startswith("blosc") else dict(shuffle=kind != "szip")
            if kind == "szip":
                options.update(szip_coding="nn", szip_pixels_per_block=8)
            made = nc.createVariable(dtype, dtype, ("y", "x"), compression=kind, chunksizes=(40, 30), **options)
            made[:] = cells(dtype, (50, 37)) // 8  # few values: its blosc fails on what it cannot compress


def filled(nc):
    nc.createDimension("x", 10)
    for dtype in NUMBERS:
        nc.createVariable(f"default_{dtype}", dtype, ("x",))[3:6] = cells(dtype, (3,))
        nc.createVariable(f"own_{dtype}", dtype, ("x",), fill_value=7)[3:6] = cells(dtype, (3,))
        nc.createVariable(f"off_{dtype}", dtype, ("x",), fill_value=False)[:] = cells(dtype, (10,))


def masked(nc):
    nc.createDimension("x", 40)
    for dtype in ["i2", "i4", "f4", "f8"]:
        for kind, attributes in {"range": dict(valid_range=[-20, 40]), "low": dict(valid_min=0), "high": dict(valid_max=30),
                                 "missing": dict(missing_value=10)}.items():
            made = nc.createVariable(f"{kind}_{dtype}", dtype, ("x",))
            made.setncatts({name: np.array(value, dtype) for name, value in attributes.items()})
            made.set_auto_mask(False)
            made[:] = cells(dtype, (40,))


def packed(nc):
    nc.createDimension("x", 40)
    for dtype in ["i1", "u1", "i2", "i4"]:
        for scale_type in ["f4", "f8"]:
            made = nc.createVariable(f"{dtype}_{scale_type}", dtype, ("x",), fill_value=np.array(5, dtype))
            made.scale_factor, made.add_offset = np.array(0.5, scale_type), np.array(100, scale_type)
            made.set_auto_maskandscale(False)
            made[:] = cells(dtype, (40,))


def endian(nc):
    nc.createDimension("x", 9)
    for dtype in NUMBERS:
        nc.createVariable(f"big_{dtype}", dtype, ("x",), endian="big")[:] = cells(dtype, (9,))


def checksums(nc):
    nc.createDimension("x", 90)
    nc.createVariable("x1", "f4", ("x",), fletcher32=True, zlib=True, chunksizes=(20,))[:] = cells("f4", (90,))


def groups(nc):
    nc.createDimension("x", 4)
    inner = nc.createGroup("a").createGroup("b")
    inner.createDimension("y", 3)
    inner.createVariable("v", "f4", ("x", "y"))[:] = cells("f4", (4, 3))
    nc["a"].createVariable("x", "i4", ("x",))[:] = np.arange(4)
    nc.createVariable("top", "i4", ("x",))[:] = np.arange(4)


def unlimited(nc):
    nc.createDimension("t", None)
    nc.createDimension("s", None)
    nc.createVariable("both", "i4", ("t", "s"))[:8, :4] = cells("i4", (8, 4))
    nc.createVariable("long", "i4", ("t",))[:8] = np.arange(8)
    nc.createVariable("short", "f4", ("t",))[:3] = np.arange(3)


def strings(nc):
    nc.createDimension("x", 4)
    nc.createVariable("s", str, ("x",))[:] = np.array(["a", "größe", "", "long " * 99], object)
    nc.createVariable("one", str, ())[...] = "alone"


def chars(nc):
    nc.createDimension("x", 3)
    nc.createDimension("n", 6)
    nc.createVariable("c", "S1", ("x", "n"))[:] = netCDF4.stringtochar(np.array(["one", "two", "threes"], "S6"))


def vlens(nc):
    nc.createDimension("x", 4)
    kind = nc.createVLType("i4", "ragged")
    made = nc.createVariable("v", kind, ("x",))
    for i in range(4):
        made[i] = np.arange(i + 1, dtype="i4")


def compounds(nc):
    nc.createDimension("x", 4)
    dtype = np.dtype([("speed", "f4"), ("n", "i2"), ("code", "S1", (4,)), ("three", "f8", (3,))])
    kind = nc.createCompoundType(dtype, "record")
    values = np.zeros(4, dtype)
    values["speed"], values["n"], values["three"] = cells("f4", (4,)), np.arange(4), cells("f8", (4, 3))
    nc.createVariable("r", kind, ("x",))[:] = values


def enums(nc):
    nc.createDimension("x", 4)
    kind = nc.createEnumType("u1", "cover", {"clear": 0, "cloud": 1, "missing": 255})
    nc.createVariable("sky", kind, ("x",), fill_value=255)[:3] = np.array([0, 1, 1], "u1")


def quantized(nc):
    nc.createDimension("x", 100)
    nc.createVariable("q", "f4", ("x",), compression="zlib", least_significant_digit=2)[:] = cells("f4", (100,)) / 7
    nc.createVariable("g", "f4", ("x",), compression="zlib", significant_digits=3)[:] = cells("f4", (100,)) / 7


def scalars(nc):
    nc.createVariable("one", "f8", ())[...] = 2.5
    nc.createVariable("two", "i4", ())[...] = 7


def coordinates(nc):
    for name, size in [("time", None), ("lat", 4), ("lon", 5)]:
        nc.createDimension(name, size)
    nc.createVariable("lat", "f8", ("lat",))[:] = np.linspace(-45, 45, 4)
    nc.createVariable("lon", "f4", ("lon",))[:] = np.linspace(0, 288, 5)
    nc.createVariable("t", "f4", ("time", "lat", "lon"))[:3] = cells("f4", (3, 4, 5))


def unnamed_order(nc):
    """A variable named like a dimension that it does not label."""
    nc.createDimension("y", 3)
    nc.createDimension("x", 4)
    nc.createVariable("x", "f4", ("y",))[:] = np.arange(3)
    nc.createVariable("v", "f4", ("y", "x"))[:] = cells("f4", (3, 4))
