"""Writers of files of older and rarer instruments, after the layouts that are known of them."""

import struct

import numpy as np
from pattern_files import ALPHA1, ALPHA2


def _step(x):
    return (x[-1] - x[0]) / (len(x) - 1)


def _floats(values):
    return np.asarray(values, "<f4").tobytes()


def _put(size, **fields):
    """A block of zeros with numbers and texts at their places: f4_24=5.0, u2_0=60, s_8="PbS"."""
    block = bytearray(size)
    kinds = {"f4": "<f", "f8": "<d", "u1": "<B", "u2": "<H", "u4": "<I"}
    for name, value in fields.items():
        kind, at = name.split("_")
        if kind == "s":
            block[int(at) : int(at) + len(value)] = value.encode()
        else:
            struct.pack_into(kinds[kind], block, int(at), value)
    return bytes(block)


def raw1(x, intensity, esd=None, wavelength=None, *, scans=1, repeated=True):
    content = b""
    for k in range(scans):
        header = _put(
            152,
            u4_0=len(x),
            f4_4=4.0,
            f4_8=_step(x),
            u4_12=6536,
            f4_20=x[0],
            f4_24=x[0] / 2,
            s_36="PbS dots".ljust(32),
            f4_68=ALPHA1,
            f4_72=ALPHA2,
            u4_148=k + 1 < scans,
        )
        content += (b"RAW " if repeated or k == 0 else b"") + header + _floats(intensity)
    return content


def raw2(x, intensity, esd=None, wavelength=None, *, scans=1, header=60):
    content = _put(
        256,
        s_0="RAW2",
        u2_4=scans,
        s_8="PbS dots".ljust(32),
        s_168="19-12-199721:57",
        s_188="Cu",
        f4_190=ALPHA1,
        f4_194=ALPHA2,
        f4_198=0.5,
    )
    one = _put(
        header,
        u2_0=header,
        u2_2=len(x),
        u2_4=10,
        f4_8=3.0,
        f4_12=_step(x),
        f4_16=x[0],
        f4_20=x[0] / 2,
    )
    return content + (one + _floats(intensity)) * scans


def raw3(
    x,
    intensity,
    esd=None,
    wavelength=None,
    *,
    scans=1,
    kind=0,
    state=1,
    monochromator=0,
    positions=False,
    extra=40,
):
    content = _put(
        712,
        s_0="RAW1.01",
        u4_8=state,
        u4_12=scans,
        u4_580=monochromator,
        s_608="Cu",
        f8_616=1.5418,
        f8_624=ALPHA1,
        f8_632=ALPHA2,
        f8_640=1.39222,
        f8_648=0.5,
    )
    one = _put(
        304,
        u4_0=304,
        u4_4=len(x),
        f8_8=x[0] / 2,
        f8_16=x[0],
        f8_176=_step(x),
        f4_192=500.0,
        u4_196=kind,
        f8_240=ALPHA1,
        u4_248=1 if positions else 0,
        u4_252=12 if positions else 4,
        u4_256=extra,
    ) + bytes(extra)
    records = _floats(intensity)
    if positions:
        both = np.zeros(len(x), np.dtype([("counts", "<f4"), ("x", "<f8")]))
        both["counts"], both["x"] = intensity, x
        records = both.tobytes()
    return content + (one + records) * scans


def uxd(
    x,
    intensity,
    esd=None,
    wavelength=None,
    *,
    scans=1,
    opens="_COUNTS",
    drive="COUPLED",
    time=4.0,
    times=None,
    more="",
    per_line=8,
    announced=True,
):
    """Any of the layouts, as the key that opens the numbers says."""
    lines = [
        "; C:\\DATA\\dots.raw(Diffrac Plus V1.01 file) converted by XCH V1.0",
        "_FILEVERSION=2",
        "_SAMPLE='PbS dots, light grind,'",
        "_+SAMPLE='second line of the name'",
        f"_WL1={ALPHA1}",
        f"_WL2={ALPHA2}",
        "_WL3=1.392220",
        "_WLRATIO=0.500000",
        "_ANODE='Cu'",
    ]
    if more:
        lines.append(more)
    times = np.full(len(x), time) if times is None else times
    columns = [np.asarray(intensity, float)]
    if "2THETA" in opens.upper():
        columns.insert(0, np.asarray(x))
    if "TIME" in opens.upper():
        columns.append(times)
    for k in range(scans):
        lines += [f"; (Data for Range number {k + 1})"]
        lines += [f"_DRIVE='{drive}'"] if drive else []
        lines += [
            f"_STEPTIME={time:.6f}",
            f"_STEPSIZE={_step(x):.10g}",
            f"_STEPCOUNT={len(x)}" if announced else "_STEPMODE='C'",
            f"_START={x[0]:.10g}",
            f"_THETA={x[0] / 2:.6f}",
            opens,
        ]
        fields = [f"{v:12.10g}" for row in zip(*columns, strict=True) for v in row]
        width = per_line if len(columns) == 1 else len(columns)
        lines += ["".join(fields[i : i + width]) for i in range(0, len(fields), width)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def udf(x, intensity, esd=None, wavelength=None, *, slash="/", digits=8):
    fields = [f"{v:8.0f}" for v in intensity]
    rows = [",".join(fields[k : k + 8]) for k in range(0, len(fields), 8)]
    lines = [
        "SampleIdent,PbS dots ,/",
        "Title1,,/",
        "DiffrType,PW1710,/",
        "Anode,Cu,/",
        f"LabdaAlpha1, {ALPHA1},/",
        f"LabdaAlpha2, {ALPHA2},/",
        "RatioAlpha21, 0.50000,/",
        "DivergenceSlit,Fixed, 1/2,/",
        "MonochromatorUsed,YES ,/",
        f"DataAngleRange, {x[0]:9.5f}, {x[-1]:9.5f},/",
        f"ScanStepSize, {_step(x):.{digits}f},/",
        "ScanType,CONTINUOUS,/",
        "ScanStepTime,    5.00,/",
        "RawScan",
        ",\r\n".join(rows) + slash,
    ]
    return "\r\n".join(lines).encode() + b"\r\n"


def x00(x, intensity, esd=None, wavelength=None, *, axis="2Theta/Omega", time=2.0):
    lines = [
        "HR-XRDScan",
        "FileName, dots.x00",
        "Sample, PbS",
        f"Wavelength, {ALPHA1}",
        "Omega, 15.0000",
        "TwoTheta, 30.0000",
        "ScanType, CONTINUOUS",
        f"ScanAxis, {axis}",
        f"FirstAngle, {x[0]:.5f}",
        f"ScanRange, {x[-1] - x[0]:.5f}",
        f"StepWidth, {_step(x):.6f}",
        f"TimePerStep, {time:.2f}",
        f"NrOfData, {len(x)}",
        "ScanData",
        *(f"{v:.4f}" for v in intensity),
    ]
    return "\r\n".join(lines).encode() + b"\r\n"


def rd(x, intensity, esd=None, wavelength=None, *, version="V3RD", continuous=False, begin=None):
    """Packed counts: whole squares of tenths are kept as they are."""
    half = _step(x) / 2 if continuous else 0.0
    begin = begin or (810 if version.startswith("V5") else 250)
    header = _put(
        begin,
        s_0=version,
        u1_84=3,
        u1_85=0,
        u1_86=3,
        f8_94=ALPHA1,
        f8_102=ALPHA2,
        f8_110=0.5,
        u1_126=continuous,
        u2_128=round(200 * _step(x)),
        u2_130=round(200 * x[0]),
        u2_132=round(200 * x[-1]),
        s_138="DOTS",
        f8_214=_step(x),
        f8_222=x[0] - half,
        f8_230=x[-1] + half,
    )
    packed = np.ceil(10.0 * np.sqrt(np.asarray(intensity, float)) - 1e-9)
    return header + packed.astype("<u2").tobytes()


def unpacked(intensity):
    """What the packed counts of a ``.rd`` hold of intensities."""
    return np.floor(np.ceil(10.0 * np.sqrt(intensity) - 1e-9) ** 2 / 100.0)


def stoe(
    x,
    intensity,
    esd=None,
    wavelength=None,
    *,
    scans=1,
    short=False,
    scan_type=3,
    monochromator=3,
    scale=1.0,
    announced=None,
):
    raw = np.round(np.asarray(intensity, float) * scale).astype("<i2" if short else "<i4").tobytes()
    raw += bytes(-len(raw) % 512)
    records = 1 + len(raw) // 512
    heads = {f"u2_{480 + 2 * k}": 4 + k * records for k in range(scans)}
    header = _put(
        512,
        s_0="RAW_1.06Powdat",
        s_16="01-May-24 10:00",
        s_32="PbS dots",
        u2_304=1,
        u2_308=monochromator,
        u2_310=3,
        f4_322=ALPHA1,
        f4_326=ALPHA2,
        u2_360=scan_type,
        u2_376=scans,
        u2_378=scans,
        u4_466=len(x) * scans,
        u2_474=records - 1,
        u2_476=3 + scans * records,
        **heads,
    )
    step = 0.0 if scan_type == 2 else _step(x)
    end = x[-1] if announced is None else x[0] + _step(x) * (announced - 1)
    one = _put(
        512,
        u2_34=len(x),
        u2_38=short,
        f4_40=scale,
        f4_44=x[0],
        f4_48=x[0] / 2,
        f4_52=end,
        f4_56=end / 2,
        f4_60=step,
        f4_64=_step(x) / 2,
        f4_68=60.0,
    )
    return header + bytes(1024) + (one + raw) * scans


def rigaku_raw(x, intensity, esd=None, wavelength=None):
    header = _put(
        3158,
        s_0="FI",
        f8_1212=ALPHA1,
        s_1238="Cu",
        f4_2958=1.0,
        f4_2962=x[0],
        f4_2966=x[-1],
        f4_2970=_step(x),
        u4_3154=len(x),
    )
    return header + _floats(intensity)


def uxd_pairs(x, intensity, esd=None, wavelength=None):
    return uxd(x, intensity, opens="_2THETACOUNTS")


# name of the file -> writer(x, intensity, esd, wavelength), x being two-theta in degrees
WRITERS = {
    "version1.raw": raw1,
    "version2.raw": raw2,
    "version3 extra.raw": raw3,
    "sample.uxd": uxd,
    "pairs.uxd": uxd_pairs,
    "sample.udf": udf,
    "sample.x00": x00,
    "sample.rd": rd,
    "stoe.raw": stoe,
    "rigaku.raw": rigaku_raw,
}
