"""Writers of measured files, after the descriptions of the formats, for the tests to read."""

import io
import struct
import zipfile
from xml.sax.saxutils import escape

import numpy as np

ALPHA1, ALPHA2 = 1.5405929, 1.5444274  # copper, Angstrom


def columns(x, intensity, esd=None, header="", separator=" ", decimal="."):
    table = np.column_stack([x, intensity] if esd is None else [x, intensity, esd])
    lines = [separator.join(f"{v:.10g}".replace(".", decimal) for v in row) for row in table]
    return (header + "\n".join(lines) + "\n").encode()


def q_nm_of(x, wavelength):
    return 40.0 * np.pi / wavelength * np.sin(np.deg2rad(x / 2.0))


def fit2d(x, intensity, esd, wavelength, label="2-Theta Angle (Degrees)"):
    header = f"image_0001.tif: 2-theta Scan\n{label}\nIntensity\n       {len(x)}\n"
    return columns(x, intensity, header=header, separator="  ")


def pyfai(x, intensity, esd, wavelength):
    header = (
        "# == pyFAI calibration ==\n"
        "# Distance Sample to Detector: 0.2 m\n"
        "# PONI: 1.000e-01, 1.000e-01 m\n"
        f"# Wavelength: {wavelength * 1e-10:.9e} m\n"
        "# Mask applied: True\n"
        "# --> sample.chi\n"
        "#q_nm^-1        I              sigma\n"
    )
    return columns(q_nm_of(x, wavelength), intensity, esd, header)


def fxye(x, intensity, esd, wavelength):
    step = (x[-1] - x[0]) / (len(x) - 1)
    header = (
        "sample 11\n"
        f"# wavelength = {wavelength:.6f}\n"
        f"BANK 1 {len(x)} {len(x)} CONST {100 * x[0]:.4f} {100 * step:.4f} 0 0 FXYE\n"
    )
    return columns(100.0 * np.asarray(x), intensity, esd, header)


def gsas_esd(x, intensity, esd, wavelength):
    """Fields of eight characters, so few digits: give counts above 1000."""
    step = (x[-1] - x[0]) / (len(x) - 1)
    fields = [f"{v:8.6g}"[:8] for pair in zip(intensity, esd, strict=True) for v in pair]
    rows = ["".join(fields[k : k + 10]) for k in range(0, len(fields), 10)]
    bank = f"BANK 1 {len(x)} {len(rows)} CONST {100 * x[0]:.5f} {100 * step:.6f} 0 0 ESD"
    return "\n".join(["sample", bank, *rows]).encode() + b"\n"


def gsas_std(x, intensity, esd, wavelength):
    step = (x[-1] - x[0]) / (len(x) - 1)
    fields = [f" 1{v:6.0f}" for v in intensity]
    rows = ["".join(fields[k : k + 10]) for k in range(0, len(fields), 10)]
    bank = f"BANK 1 {len(x)} {len(rows)} CONST {100 * x[0]:.5f} {100 * step:.6f} 0 0 STD"
    return "\n".join(["sample", bank, *rows]).encode() + b"\n"


def _words(values):
    return " ".join(f"{v:.10g}" for v in values)


def xrdml(
    x,
    intensity,
    esd,
    wavelength,
    *,
    listed=False,
    extra="",
    tag="intensities",
    scans=1,
    axis="Gonio",
):
    positions = (
        f"<listPositions>{_words(x)}</listPositions>"
        if listed
        else f"<startPosition>{x[0]:.8f}</startPosition><endPosition>{x[-1]:.8f}</endPosition>"
    )
    if axis == "Omega":
        positions = "<commonPosition>36.3</commonPosition>"
    scan = f"""  <scan appendNumber="0" mode="Continuous" scanAxis="{axis}" status="Completed">
   <header><startTimeStamp>2024-05-01T10:00:00+02:00</startTimeStamp></header>
   <dataPoints>
    <positions axis="2Theta" unit="deg">{positions}</positions>
    <positions axis="Omega" unit="deg"><startPosition>{x[0] / 2:.8f}</startPosition>
     <endPosition>{x[-1] / 2:.8f}</endPosition></positions>
    <commonCountingTime unit="seconds">10.0</commonCountingTime>
    {extra}
    <{tag} unit="counts">{_words(intensity)}</{tag}>
   </dataPoints>
  </scan>
"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5" status="Completed">
 <sample type="To be analyzed"><id>PbS</id></sample>
 <xrdMeasurement measurementType="Scan" status="Completed" sampleMode="Reflection">
  <usedWavelength intended="K-Alpha"><kAlpha1 unit="Angstrom">{ALPHA1}</kAlpha1>
   <kAlpha2 unit="Angstrom">{ALPHA2}</kAlpha2><kBeta unit="Angstrom">1.3922500</kBeta>
   <ratioKAlpha2KAlpha1>0.5000</ratioKAlpha2KAlpha1></usedWavelength>
  <incidentBeamPath><xRayTube><tension unit="kV">45</tension><current unit="mA">40</current>
   <anodeMaterial>Cu</anodeMaterial></xRayTube></incidentBeamPath>
{scan * scans} </xrdMeasurement>
</xrdMeasurements>
""".encode()


def archive(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def brml(
    x,
    intensity,
    esd,
    wavelength,
    *,
    scans=1,
    views=None,
    sub_scans="",
    factor=None,
    axis="TwoTheta",
    optics="",
):
    step = (x[-1] - x[0]) / (len(x) - 1)
    factor = np.ones(len(x)) if factor is None else factor
    data = "".join(
        f"<Datum>0.5,{f:g},{a:.10g},{a / 2:.10g},{y:.10g}</Datum>\n"
        for a, y, f in zip(x, intensity, factor, strict=True)
    )
    if views is None:
        views = """<DataViews>
     <RawDataView xsi:type="FixedRawDataView" Start="0" Length="1" LogicName="MeasuredTime"/>
     <RawDataView xsi:type="FixedRawDataView" Start="1" Length="1" LogicName="AbsorptionFactor"/>
     <RawDataView xsi:type="VaryingRawDataView" Start="2" Length="2"><Varying>
      <FieldDefinitions FieldName="TwoTheta" AxisId="TwoTheta"/>
      <FieldDefinitions FieldName="Theta" AxisId="Theta"/></Varying></RawDataView>
     <RawDataView xsi:type="RecordedRawDataView" Start="4" Length="1">
      <Recording LogicName="Counter1D" Category="Count"><Unit Base="Counts"/></Recording>
     </RawDataView></DataViews>"""
    raw_data = f"""<?xml version="1.0" encoding="utf-8"?>
<RawData xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <DataRoutes><DataRoute RouteFlag="Final">
  <ScanInformation VisibleName="Coupled TwoTheta/Theta" ScanName="Coupled">
   <MeasurementPoints>{len(x)}</MeasurementPoints><TimePerStep>0.5</TimePerStep>
   <TimePerStepEffective>96</TimePerStepEffective><ScanMode>StillScan</ScanMode>
   <ScanAxes><ScanAxisInfo AxisId="{axis}" AxisName="{axis}"><Unit Base="Degree"/>
    <Reference>0</Reference><Start>{x[0]:.10g}</Start><Stop>{x[-1]:.10g}</Stop>
    <Increment>{step:.10g}</Increment></ScanAxisInfo></ScanAxes></ScanInformation>
  <SubScans>{sub_scans}</SubScans>
  {data}  {views}
 </DataRoute></DataRoutes>
 <FixedInformation><Drives><InfoData LogicName="Phi"><Position Value="0" Unit="Degree"/></InfoData>
  </Drives><Instrument><PrimaryTracks><TrackInfoData><MountedOptics>
   <InfoData xsi:type="TubeMountInfoData"><Tube><TubeMaterial>Cu</TubeMaterial>
    <WaveLengthAlpha1 Value="{ALPHA1}" Unit="angstrom"/>
    <WaveLengthAlpha2 Value="{ALPHA2}" Unit="angstrom"/>
    <WaveLengthBeta Value="1.39222" Unit="angstrom"/>
    <WaveLengthRatio Value="0.5"/><Generator><Voltage Value="40" Unit="kV"/>
    <Current Value="40" Unit="mA"/></Generator></Tube></InfoData>
   {optics}<InfoData xsi:type="SlitInfoData"/></MountedOptics></TrackInfoData></PrimaryTracks>
 </Instrument></FixedInformation>
</RawData>
"""
    names = [f"Experiment0/RawData{k}.xml" for k in range(scans)]
    listed = "".join(f"<string>{name}</string>" for name in names)
    container = (
        '<?xml version="1.0" encoding="utf-8"?><DataContainer><RawDataReferenceList>'
        f"{listed}</RawDataReferenceList></DataContainer>"
    )
    members = {"experimentCollection.xml": "<x/>", "Experiment0/DataContainer.xml": container}
    return archive(members | dict.fromkeys(names, raw_data))


def _segment(kind, content):
    return struct.pack("<II", kind, 8 + len(content)) + content


def _padded(text, length):
    return text.encode().ljust(length, b"\0")


def raw4(x, intensity, esd, wavelength, *, size=4, scans=1, drive="2Theta"):
    """Preamble, segments of text and of the tube, then one range after the other."""
    step = (x[-1] - x[0]) / (len(x) - 1)
    preamble = b"RAW4.00\0" + struct.pack("<I", 0) + _padded("05/01/2024", 12)
    preamble = preamble.ljust(61, b"\0")
    named = _segment(10, struct.pack("<I", 0) + _padded("SAMPLEID", 24) + b"PbS dots\0")
    tube = bytes(64) + struct.pack("<5d", 1.5418, ALPHA1, ALPHA2, 1.39222, 0.5)
    tube = _segment(30, tube + bytes(4) + b"Cu\0\0" + bytes(8))
    drives = _segment(
        50,
        struct.pack("<I", 1) + _padded(drive, 24) + bytes(20) + struct.pack("<d", x[0]) + bytes(8),
    ) + _segment(
        50,
        struct.pack("<I", 0) + _padded("Phi", 24) + bytes(20) + struct.pack("<d", 0.0) + bytes(8),
    )
    header = bytearray(160)
    header[32:56] = _padded("Locked Coupled", 24)
    struct.pack_into("<ddIf", header, 72, x[0], step, len(x), 500.0)
    struct.pack_into("<II", header, 136, size, len(drives))
    records = np.zeros((len(x), size), np.uint8)
    records[:, :4] = np.asarray(intensity, "<f4")[:, None].view(np.uint8)
    one = bytes(header) + drives + records.tobytes()
    return preamble + named + tube + one * scans


def raw3(x, intensity, esd, wavelength):
    header = bytearray(712)
    header[:8] = b"RAW1.01\0"
    struct.pack_into("<i", header, 12, 1)
    header[608:612] = b"Cu\0\0"
    struct.pack_into("<5d", header, 616, 1.5418, ALPHA1, ALPHA2, 1.39222, 0.5)
    block = bytearray(304)
    struct.pack_into("<IIdd", block, 0, 304, len(x), x[0] / 2, x[0])
    struct.pack_into("<d", block, 176, (x[-1] - x[0]) / (len(x) - 1))
    struct.pack_into("<III", block, 248, 0, 4, 0)
    return bytes(header) + bytes(block) + np.asarray(intensity, "<f4").tobytes()


def ras(x, intensity, esd, wavelength, *, factor=None, axis="TwoThetaTheta", scans=1):
    factor = np.ones(len(x)) if factor is None else factor
    rows = "".join(
        f"{a:.6f} {y:.6g} {f:.4f}\n" for a, y, f in zip(x, intensity, factor, strict=True)
    )
    scan = f"""*RAS_HEADER_START
*FILE_SAMPLE "PbS"
*HW_XG_TARGET_NAME "Cu"
*HW_XG_WAVE_LENGTH_ALPHA1 "{ALPHA1}"
*HW_XG_WAVE_LENGTH_ALPHA2 "{ALPHA2}"
*HW_XG_WAVE_LENGTH_BETA "1.392246"
*HW_XG_WAVE_LENGTH_UNIT "Angstrom"
*MEAS_SCAN_AXIS_X "{axis}"
*MEAS_SCAN_UNIT_X "deg"
*MEAS_SCAN_UNIT_Y "counts"
*RAS_HEADER_END
*RAS_INT_START
{rows}*RAS_INT_END
"""
    return f"*RAS_DATA_START\n{scan * scans}*RAS_DATA_END\n".encode()


def rasx(
    x,
    intensity,
    esd,
    wavelength,
    *,
    factor=None,
    axis="TwoThetaTheta",
    wave_type="Ka",
    optics="None",
):
    factor = np.ones(len(x)) if factor is None else factor
    profile = "\ufeff" + "".join(
        f"{a:.6f}\t{y:.6f}\t{f:.4f}\r\n" for a, y, f in zip(x, intensity, factor, strict=True)
    )
    conditions = f"""<?xml version="1.0" encoding="utf-8"?>
<MeasurementCondition>
 <GeneralInformation><SystemName>SmartLab</SystemName></GeneralInformation>
 <ScanInformation><AxisName>{escape(axis)}</AxisName><Mode>Continuous</Mode>
  <PositionUnit>deg</PositionUnit><SpeedUnit>deg/min</SpeedUnit><Step>0.02</Step>
  <Speed>2</Speed></ScanInformation>
 <HWConfigurations>
  <Categories><Category Name="Detector" SelectedUnit="D/teX Ultra"/>
   <Category Name="ReceivingOptics1" SelectedUnit="{optics}"/></Categories>
  <Optics/><Distances/>
  <XrayGenerator><TargetName>Cu</TargetName><WaveType>{wave_type}</WaveType><Voltage>45</Voltage><Current>200</Current>
   <WavelengthKalpha1>{ALPHA1}</WavelengthKalpha1>
   <WavelengthKalpha2>{ALPHA2}</WavelengthKalpha2>
   <WavelengthKbeta>1.392246</WavelengthKbeta></XrayGenerator>
 </HWConfigurations>
 <Axes/>
 <RASHeader/>
</MeasurementCondition>
"""
    return archive(
        {
            "root.xml": '<Root><Data0><ContentHashList Name="Profile0.txt"/></Data0></Root>',
            "Data0/Profile0.txt": profile,
            "Data0/MesurementConditions0.xml": conditions,
        }
    )


def asc(x, intensity, esd, wavelength):
    step = (x[-1] - x[0]) / (len(x) - 1)
    rows = [
        ", ".join(f"{v:.8g}" for v in intensity[k : k + 4]) for k in range(0, len(intensity), 4)
    ]
    lines = [
        "*TYPE\t\t=  Raw",
        "*CLASS\t\t=  Standard measurement",
        "*SCAN_AXIS\t=  2theta/theta",
        f"*WAVE_LENGTH1\t=  {ALPHA1}",
        f"*WAVE_LENGTH2\t=  {ALPHA2}",
        "*GROUP_COUNT\t=  1",
        "*BEGIN",
        f"*START\t\t=  {x[0]:.10g}",
        f"*STOP\t\t=  {x[-1]:.10g}",
        f"*STEP\t\t=  {step:.10g}",
        f"*COUNT\t\t=  {len(x)}",
        *rows,
        "*END",
        "*EOF",
    ]
    return "\r\n".join(lines).encode()


def nexus(
    x,
    intensity,
    esd,
    wavelength,
    *,
    definition="NXazint1d",
    axis="radial_axis",
    units="1/angstrom",
    long_name="q",
    default=True,
    energy=False,
):
    import h5py

    values = np.asarray(x)
    if "nm" in units:
        values = q_nm_of(x, wavelength)
    elif not units.startswith(("deg", "rad", "2th")):
        values = q_nm_of(x, wavelength) / 10.0
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        if default:
            file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        if default:
            entry.attrs["default"] = "data"
        entry["definition"] = definition
        instrument = entry.create_group("instrument")
        instrument.attrs["NX_class"] = "NXinstrument"
        instrument["name"] = "a beamline"
        mono = instrument.create_group("monochromator")
        mono.attrs["NX_class"] = "NXmonochromator"
        if energy:
            mono["energy"] = 12.398419843320026 / wavelength
            mono["energy"].attrs["units"] = "keV"
        else:
            mono["wavelength"] = wavelength
            mono["wavelength"].attrs["units"] = "angstrom"
        data = entry.create_group("data")
        data.attrs["NX_class"] = "NXdata"
        data.attrs["signal"] = "I"
        data.attrs["axes"] = [axis]
        data["I"] = np.asarray(intensity, dtype=float)
        data[axis] = values
        data[axis].attrs["units"] = units
        data[axis].attrs["long_name"] = long_name
        if esd is not None:
            data["I_errors"] = esd
    return buffer.getvalue()


def monopd(x, intensity, esd, wavelength):
    return nexus(
        x,
        intensity,
        esd,
        wavelength,
        definition="NXmonopd",
        axis="polar_angle",
        units="degrees",
        long_name="2theta",
    )


def nexus_of_pyfai(x, intensity, esd, wavelength):
    """As pyFAI.io.nexus.save_NXmonopd lays it out."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update(NX_class="NXroot", default="entry")
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXmonopd"
        mono = entry.create_group("beamline/monochromator")
        mono["wavelength"] = wavelength
        mono["wavelength"].attrs["units"] = "angstrom"
        detector = entry.create_group("beamline/Pilatus")
        detector["polar_angle"] = q_nm_of(x, wavelength)
        detector["polar_angle"].attrs.update(
            axis="1", units="q_nm^-1", long_name="Scattering vector $q$ ($nm^{-1}$)"
        )
        detector["data"] = np.asarray(intensity, float)
        detector["data"].attrs["signal"] = "1"
        detector["raw"] = 100.0 * np.asarray(intensity, float)
        results = entry.create_group("results")
        results.attrs.update(NX_class="NXdata", signal="data", polar_angle_indices=0)
        results.attrs["axes"] = ["polar_angle"]
        results["polar_angle"], results["data"] = detector["polar_angle"], detector["data"]
        results["errors"] = esd
        results["title"] = "Powder diffraction pattern"
        entry.attrs["default"] = "results"
    return buffer.getvalue()


def nexus_of_azint(x, intensity, esd, wavelength):
    """As the writer of MAX IV lays it out, with the sectors beside the pattern."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        entry = file.create_group("ENTRY")
        entry.attrs.update(NX_class="NXentry", default="DATA")
        instrument = entry.create_group("INSTRUMENT")
        instrument["name"] = np.bytes_("DanMAX")
        mono = instrument.create_group("MONOCHROMATOR")
        mono["wavelength"] = wavelength
        mono["wavelength"].attrs["units"] = "angstrom"
        mono["energy"] = 12.398 / wavelength
        mono["energy"].attrs["units"] = "keV"
        for name, axes in (
            ("azint1d", [".", "radial_axis"]),
            ("azint2d", [".", "azimuthal_axis", "radial_axis"]),
        ):
            sub_entry = entry.create_group(name)
            sub_entry.attrs.update(NX_class="NXsubentry", default="DATA")
            sub_entry["INSTRUMENT"] = h5py.SoftLink("/ENTRY/INSTRUMENT")
            data = sub_entry.create_group("DATA")
            data.attrs.update(NX_class="NXdata", signal="I")
            data.attrs["axes"] = axes
            data["radial_axis"] = q_nm_of(x, wavelength) / 10.0
            data["radial_axis"].attrs.update(long_name="q", units="1/angstrom")
            rows = np.asarray(intensity, float)[None]
            data["I"] = rows if name == "azint1d" else np.stack([rows, rows], axis=1)
            if name == "azint1d":
                data["I_errors"] = np.asarray(esd, float)[None]
        entry["DATA"] = h5py.SoftLink("/ENTRY/azint1d/DATA")
    return buffer.getvalue()


# name of the file -> writer(x, intensity, esd, wavelength), x being two-theta in degrees
WRITERS = {
    "fit2d.chi": fit2d,
    "pyfai.chi": pyfai,
    "sample.fxye": fxye,
    "esd.gsa": gsas_esd,
    "std.gsa": gsas_std,
    "sample.xrdml": xrdml,
    "sample.brml": brml,
    "version4.raw": raw4,
    "version3.raw": raw3,
    "sample.ras": ras,
    "sample.rasx": rasx,
    "sample.asc": asc,
    "azint1d.nxs": nexus,
    "monopd.nxs": monopd,
    "pyfai.h5": nexus_of_pyfai,
    "azint.h5": nexus_of_azint,
}
TUBES = {  # those that name a copper tube
    "sample.xrdml",
    "sample.brml",
    "version4.raw",
    "version3.raw",
    "sample.ras",
    "sample.rasx",
    "sample.asc",
}
NO_WAVELENGTH = {"fit2d.chi", "esd.gsa", "std.gsa"}
