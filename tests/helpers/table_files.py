"""Writers of tables, powder CIF and texts of even steps, for the tests to read."""

import io

import numpy as np


def workbook(sheets):
    """A workbook with the rows of each sheet."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([v.item() if isinstance(v, np.generic) else v for v in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def rows_of(*columns):
    return [list(row) for row in zip(*columns, strict=True)]


def xlsx(x, intensity, esd, wavelength):
    header = [["PbS"], ["Wavelength (Å)", wavelength], [], ["2theta (deg)", "I", "esd"]]
    return workbook({"Sheet1": header + rows_of(x, intensity, esd)})


def loop(**columns):
    """A loop of a CIF, of tags (without their first underscore) and values."""
    rows = "\n".join(" ".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    return "loop_\n" + "".join(f"_{tag}\n" for tag in columns) + rows + "\n"


def with_su(values, esd):
    """Numbers with their standard deviation in parentheses, to three decimals."""
    return [f"{v:.3f}({1000 * s:.0f})" for v, s in zip(values, esd, strict=True)]


def powder_cif(x, intensity, esd, wavelength):
    beam = f"_diffrn_radiation_wavelength {wavelength}\n_pd_meas_number_of_points {len(x)}\n"
    return (
        f"#\ndata_PbS\n{beam}"
        + loop(
            pd_proc_point_id=range(len(x)),
            pd_meas_2theta_scan=[f"{v - 0.02:.5f}" for v in x],
            pd_proc_2theta_corrected=[f"{v:.5f}" for v in x],
            pd_meas_intensity_total=with_su(intensity, esd),
            pd_calc_intensity_total=[f"{2 * v:.1f}" for v in intensity],
        )
    ).encode()


def _lines(values, per_line, form):
    texts = [form.format(v) for v in values]
    return "".join("".join(texts[k : k + per_line]) + "\n" for k in range(0, len(texts), per_line))


def mdi(x, intensity, esd, wavelength, *, time="1.0", per_line=8):
    step = (x[-1] - x[0]) / (len(x) - 1)
    head = f"{x[0]:9.4f} {step:.6f} {time} MO {wavelength} {x[-1]:.4f} {len(x)}"
    body = _lines(intensity, per_line, "{:9.0f}")
    return f"PbS dots 29-APR-24 10:00\n{head}\n{body}".encode()


def cpi(x, intensity, esd, wavelength):
    step = (x[-1] - x[0]) / (len(x) - 1)
    head = f"SIETRONICS XRD SCAN\n{x[0]:.4f}\n{x[-1]:.4f}\n{step:.6f}\nMo\n{wavelength}\n"
    body = _lines(intensity, 1, "{:.0f}")
    return f"{head}29-4-2024\n0.080\nPbS\nSCANDATA\n{body}".encode()


def dbws(x, intensity, esd, wavelength, *, per_line=8, title="PbS"):
    step = (x[-1] - x[0]) / (len(x) - 1)
    head = f"{x[0]:8.3f}{step:8.4f}{x[-1]:8.3f}  {title}\n"
    return (head + _lines(intensity, per_line, "{:8.0f}")).encode()


def datasets(**values):
    """HDF5 of datasets: path (with __ for /) -> values, or a tuple of values and units."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, value in values.items():
            value, units = value if isinstance(value, tuple) else (value, None)
            file[path.replace("__", "/")] = value
            if units is not None:
                file[path.replace("__", "/")].attrs["units"] = units
    return buffer.getvalue()


def beamline(x, intensity, esd, wavelength, *, frames=3):
    """As DanMAX keeps integrated frames: no NXdata, the wavelength in the text of pyFAI."""
    poni = f"poni_version: 2\nDetector: PilatusCdTe2M\nWavelength: {wavelength * 1e-10}\n"
    stack = np.stack([intensity * (k + 1) for k in range(frames)])
    return datasets(
        **{"2th": np.asarray(x), "I": stack, "sigma": np.stack([esd] * frames)},
        poni_file=poni,
        polarization_factor=0.99,
    )


# name of the file -> writer(x, intensity, esd, wavelength), as in pattern_files
TABLES = {
    "sample.xlsx": xlsx,
    "powder.cif": powder_cif,
    "sample.mdi": mdi,
    "sample.cpi": cpi,
    "sample.dbw": dbws,
}
STEPPED = ("sample.mdi", "sample.cpi", "sample.dbw", "powder.cif")  # they say how many
