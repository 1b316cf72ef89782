"""Writes files with every feature of HDF5 and netCDF-4 that other libraries can write, and what those libraries read from them.

    python feature_files.py FOLDER

puts the files into FOLDER, and into FOLDER/expected.json for each file and column what h5py or netCDF4 read: of numbers the
count of cells and of valid cells, minimum, maximum, sum, and the sum weighted by position (so that a wrong order shows); of anything
else the values. Members of compound values are columns of their own, `variable.member`. Files that need a filter of `hdf5plugin`
are left out where that package is missing. More files to describe may follow FOLDER on the command line.
"""

import json
import os
import sys

import h5py
import numpy as np

import feature_eos
import feature_storage
import feature_structure
import feature_types


def numbers(values, mask=None):
    """What is compared of numbers."""
    flat = np.asarray(values).reshape(-1)
    if flat.dtype.kind not in "iub":
        with np.errstate(all="ignore"):
            flat = flat.astype("f8")
    valid = np.ones(len(flat), bool) if mask is None else ~np.asarray(mask).reshape(-1)
    if flat.dtype.kind == "f":
        valid &= ~np.isnan(flat)
    kept = [float(v) for v in flat[valid]]
    weights = np.arange(len(flat))[valid] % 97 + 1
    with np.errstate(all="ignore"):
        order = float(np.sum(np.array(kept) * weights)) if kept else 0.0
    return {
        "kind": "numbers",
        "cells": len(flat),
        "count": len(kept),
        "min": shown(min(kept, default=None)),
        "max": shown(max(kept, default=None)),
        "sum": shown(float(np.sum(np.array(kept)))),
        "order": shown(order),
    }


def shown(number):
    """As text: JSON knows no infinities, and not all of its readers are exact."""
    return repr(number) if isinstance(number, float) else number


def plain(value):
    """A value that JSON can hold: bytes that are no text as hexadecimal digits."""
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, h5py.h5r.Reference):
        raise ValueError("references have no value of their own")
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, np.bytes_)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, np.void):
        return value.tobytes().hex()
    if isinstance(value, (np.floating, float)):
        return None if np.isnan(value) else float(value)
    if isinstance(value, np.bool_):
        return bool(value)
    return value.item() if isinstance(value, np.generic) else value


def is_text(dtype):
    return h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU"


def texts(values, dtype):
    """Single characters make texts along their last dimension."""
    if dtype.kind == "S" and dtype.itemsize == 1 and np.ndim(values):
        values = [b"".join(item or b" " for item in row).rstrip() for row in np.reshape(values, (-1, np.shape(values)[-1]))]
    return [plain(item) for item in np.asarray(values, dtype=object).reshape(-1)]


def columns(path, values, dtype):
    """The columns that an array makes: each member of a compound type is one."""
    if dtype.names:
        for name in dtype.names:
            inner = dtype[name]
            yield from columns(f"{path}.{name}", np.asarray(values)[name], inner.base)
    elif dtype.subdtype:
        yield from columns(path, values, dtype.subdtype[0])
    elif dtype.kind == "c":
        yield from columns(f"{path}.r", np.asarray(values).real, np.asarray(values).real.dtype)
        yield from columns(f"{path}.i", np.asarray(values).imag, np.asarray(values).imag.dtype)
    elif is_text(dtype):
        yield path, {"kind": "values", "values": texts(values, dtype)}
    elif h5py.check_vlen_dtype(dtype) is not None and np.dtype(h5py.check_vlen_dtype(dtype)).names:
        inner = np.dtype(h5py.check_vlen_dtype(dtype))
        flat = np.asarray(values).reshape(-1)
        for name in inner.names:
            yield f"{path}.{name}", {"kind": "values", "values": [plain(item[name]) for item in flat]}
    elif h5py.check_ref_dtype(dtype) is not None:
        yield path, {"kind": "unknown"}
    elif dtype.kind in "iufb":
        yield path, numbers(values)
    elif dtype.kind in "Mm":
        yield path, {"kind": "values", "values": [item.tobytes().hex() for item in np.asarray(values).reshape(-1)]}
    else:
        flat = np.asarray(values).reshape(-1)
        yield path, {"kind": "values", "values": [plain(item) for item in flat]}


def describe_hdf5(file):
    """What h5py reads: every dataset by every link that leads to it."""
    if file == "virtual_loop.h5":  # on whose others h5py dies
        return {"own": dict(numbers(np.arange(3)), shape=[3])}
    found = {}
    with h5py.File(file, "r") as h5:
        walk(h5, "", found, set())
    # Axes that no dataset holds.
    found.update({path: dict(numbers(labels), shape=[len(labels)]) for path, labels in feature_eos.AXES.get(file, {}).items()})
    return found


def walk(group, path, found, seen):
    at = (os.path.realpath(group.file.filename), h5py.h5o.get_info(group.id).addr)
    if at in seen:
        return
    seen.add(at)
    for name in group:
        here = f"{path}/{name}" if path else name
        try:
            item = group[name]
        except (KeyError, OSError, RuntimeError):
            continue
        if isinstance(item, h5py.Group):
            walk(item, here, found, seen)
        elif isinstance(item, h5py.Dataset) and item.shape is not None:
            found.update(dataset(here, item))


def dataset(path, item):
    label = item.attrs.get("NAME", b"")
    if isinstance(label, bytes) and label.startswith(b"This is a netCDF dimension but not"):
        return {}
    try:
        values = item[()]
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        if path + "_plain" in item.file:  # the same values in a type that h5py reads
            return {path: dataset("", item.file[path + "_plain"])[""]}
        return {path: {"kind": "unknown", "why": str(error)}}
    if "valid_min" in item.attrs or "valid_max" in item.attrs:
        low, high = item.attrs.get("valid_min", -np.inf), item.attrs.get("valid_max", np.inf)
        return {path: dict(numbers(values, (values < low) | (values > high)), shape=list(item.shape))}
    found = dict(columns(path, values, item.dtype))
    shape = list(item.shape)
    return {name: dict(about, shape=shape) for name, about in found.items()}


def describe_netcdf(file):
    """What netCDF4 reads, masked as it does."""
    import netCDF4

    found = {}
    with netCDF4.Dataset(file) as nc:
        walk_netcdf(nc, "", found)
    return found


def walk_netcdf(group, path, found):
    import netCDF4

    for name, variable in group.variables.items():
        here = f"{path}/{name}" if path else name
        try:
            values = variable[...]
            values = values if hasattr(values, "dtype") else np.array(values, object)
        except (OSError, RuntimeError, TypeError) as error:
            found[here] = {"kind": "unknown", "why": str(error)}
            continue
        if np.ma.isMaskedArray(values) and values.dtype.kind in "iuf":
            mask = np.ma.getmaskarray(values)
            if values.dtype.itemsize == 1 and "_FillValue" not in variable.ncattrs():
                mask = None  # all values of a byte are meant, if nothing else is said
            about = {here: numbers(np.ma.getdata(values), mask)}
        elif values.dtype.kind == "S" and values.dtype.itemsize == 1:
            texts = netCDF4.chartostring(np.ma.filled(values, b"\0"), encoding="latin-1") if values.ndim else values
            about = {here: {"kind": "values", "values": [str(text).rstrip() for text in np.asarray(texts).reshape(-1)]}}
        elif isinstance(variable.datatype, netCDF4.VLType) or variable.dtype is str or values.dtype.kind == "O":
            about = {here: {"kind": "values", "values": [plain(item) for item in np.asarray(values).reshape(-1)]}}
        else:
            about = dict(columns(here, np.ma.getdata(values), values.dtype))
        found.update({name: dict(one, shape=list(variable.shape)) for name, one in about.items()})
    for name, inner in group.groups.items():
        walk_netcdf(inner, f"{path}/{name}" if path else name, found)


def describe(file):
    try:
        return describe_netcdf(file) if file.endswith(".nc") else describe_hdf5(file)
    except Exception as error:  # whatever the library fails with: what is expected is then unknown
        return {"": {"kind": "unknown", "why": f"{type(error).__name__}: {error}"}}


def main(folder, others):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    modules = [feature_storage, feature_types, feature_structure, feature_eos]
    files = {name: describe(name) for module in modules for name in module.write()}
    # The netCDF4 package brings filters of its own, which come in the way of hdf5plugin's: it may only be loaded now.
    import feature_netcdf

    files.update({path: describe(path) for path in feature_netcdf.write() + others})
    with open("expected.json", "w") as out:
        json.dump(files, out)
    print(f"{len(files)} files, {sum(map(len, files.values()))} columns")


if __name__ == "__main__":
    main(sys.argv[1], [os.path.abspath(path) for path in sys.argv[2:]])
