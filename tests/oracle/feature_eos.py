"""Files laid out as HDF-EOS5 prescribes: what their dimensions are stands in a text only."""

import h5py
import numpy as np

from feature_storage import cells

# The labels of grids whose axes stand in the text only: the middles of eight and four cells between the corners.
AXES = {
    "eos_grid.h5": {"HDFEOS/GRIDS/Ozone/XDim": np.arange(-157.5, 180, 45), "HDFEOS/GRIDS/Ozone/YDim": np.arange(67.5, -90, -45)},
    "eos_projected.h5": {"HDFEOS/GRIDS/Ozone/XDim": np.arange(-750.0, 3000, 500),
                         "HDFEOS/GRIDS/Ozone/YDim": np.arange(1250.0, -4000, -1500)},
}


def write():
    return [grid(), projected(), swath(), zonal(), long_text()]


def structure(h5, text, parts=1):
    size = -(-len(text) // parts)
    for i in range(parts):
        piece = np.bytes_(text[i * size:(i + 1) * size].encode().ljust(32000, b"\0"))
        h5.create_dataset(f"HDFEOS INFORMATION/StructMetadata.{i}", data=piece)
    h5["HDFEOS INFORMATION"].attrs["HDFEOSVersion"] = np.bytes_("HDFEOS_5.1.15")


def section(kind, body):
    """The three sections of every such text, one of them with content."""
    out = []
    for name in ["SwathStructure", "GridStructure", "PointStructure", "ZaStructure"]:
        out += [f"GROUP={name}", body if name == kind else "", f"END_GROUP={name}"]
    return "\n".join(out) + "\nEND\n"


def entries(group, kind, items):
    """A list of dimensions or fields: each item is (name, more lines)."""
    out = [f"\t\tGROUP={group}"]
    for i, lines in enumerate(items, 1):
        out += [f"\t\t\tOBJECT={kind}_{i}"] + [f"\t\t\t\t{line}" for line in lines] + [f"\t\t\tEND_OBJECT={kind}_{i}"]
    return out + [f"\t\tEND_GROUP={group}"]


def dimensions(**sizes):
    return entries("Dimension", "Dimension", [[f'DimensionName="{name}"', f"Size={size}"] for name, size in sizes.items()])


def fields(group, kind, **dims):
    def lines(name, over):
        listed = ",".join(f'"{dim}"' for dim in over)
        return [f'{kind}Name="{name}"', "DataType=H5T_NATIVE_FLOAT", f"DimList=({listed})", f"MaxdimList=({listed})"]

    return entries(group, kind, [lines(name, over) for name, over in dims.items()])


def grid_text(projection, corners, **extra):
    head = ["\tGROUP=GRID_1", '\t\tGridName="Ozone"', "\t\tXDim=8", "\t\tYDim=4",
            f"\t\tUpperLeftPointMtrs=({corners[0]},{corners[1]})", f"\t\tLowerRightMtrs=({corners[2]},{corners[3]})",
            f"\t\tProjection={projection}", "\t\tGridOrigin=HE5_HDFE_GD_UL", "\t\tPixelRegistration=HE5_HDFE_CENTER"]
    body = head + dimensions(nLevel=3) + fields("DataField", "DataField", o3=["YDim", "XDim"], profile=["nLevel", "YDim", "XDim"])
    return section("GridStructure", "\n".join(body + ["\tEND_GROUP=GRID_1"]))


def grid():
    with h5py.File("eos_grid.h5", "w") as h5:
        structure(h5, grid_text("HE5_GCTP_GEO", (-180000000.0, 90000000.0, 180000000.0, -90000000.0)))
        data = h5.create_group("HDFEOS/GRIDS/Ozone/Data Fields")
        data["o3"] = cells("f4", (4, 8))
        data["o3"].attrs["_FillValue"] = np.float32(-999)
        data["profile"] = cells("f4", (3, 4, 8))
    return "eos_grid.h5"


def projected():
    with h5py.File("eos_projected.h5", "w") as h5:
        structure(h5, grid_text("HE5_GCTP_SNSOID", (-1000.0, 2000.0, 3000.0, -4000.0)))
        h5.create_group("HDFEOS/GRIDS/Ozone/Data Fields")["o3"] = cells("f4", (4, 8))
    return "eos_projected.h5"


def swath_text():
    body = ["\tGROUP=SWATH_1", '\t\tSwathName="Track"'] + dimensions(nTimes=6, nLevels=4)
    body += fields("GeoField", "GeoField", Latitude=["nTimes"], Longitude=["nTimes"], Time=["nTimes"], Pressure=["nLevels"])
    body += fields("DataField", "DataField", Temperature=["nTimes", "nLevels"], Status=["nTimes"])
    return section("SwathStructure", "\n".join(body + ["\tEND_GROUP=SWATH_1"]))


def swath_cells(h5):
    swath = h5.create_group("HDFEOS/SWATHS/Track")
    for name, count in [("Latitude", 6), ("Longitude", 6), ("Time", 6), ("Pressure", 4)]:
        swath[f"Geolocation Fields/{name}"] = cells("f4", (count,))
    swath["Data Fields/Temperature"] = cells("f4", (6, 4))
    swath["Data Fields/Status"] = np.arange(6)


def swath():
    with h5py.File("eos_swath.h5", "w") as h5:
        structure(h5, swath_text())
        swath_cells(h5)
    return "eos_swath.h5"


def long_text():
    """The text cut into several, in the middle of a word."""
    with h5py.File("eos_parts.h5", "w") as h5:
        structure(h5, swath_text(), parts=3)
        swath_cells(h5)
    return "eos_parts.h5"


def zonal():
    body = ["\tGROUP=ZA_1", '\t\tZaName="Means"'] + dimensions(nLats=5, nLevels=3)
    body += fields("DataField", "DataField", Latitude=["nLats"], T=["nLevels", "nLats"])
    with h5py.File("eos_zonal.h5", "w") as h5:
        structure(h5, section("ZaStructure", "\n".join(body + ["\tEND_GROUP=ZA_1"])))
        data = h5.create_group("HDFEOS/ZAS/Means/Data Fields")
        data["Latitude"], data["T"] = np.linspace(-80, 80, 5), cells("f4", (3, 5))
    return "eos_zonal.h5"
