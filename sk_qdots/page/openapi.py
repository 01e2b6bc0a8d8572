"""The interface for programs, described in OpenAPI 3.1."""

from __future__ import annotations

from importlib.metadata import version

from .._typing import Json, JsonObject
from .questions import FIELDS, FILE_FIELDS

__all__ = ["openapi"]

SCHEMA = "sk_qdots.Sizing/1"  # that of the answers; a test compares them

_FILE: JsonObject = {"type": "string", "format": "binary"}
_FORMATS: JsonObject = {
    "type": "string",
    "enum": ["json", "view", "csv", "fit", "png", "report"],
    "default": "json",
    "description": "json: the answer; view: with curves and words; csv: a row, as of sk-qdots size "
    "--format csv; fit: the curves of the fit as CSV; png: a picture; report: HTML",
}
_ARRAY: JsonObject = {"type": "array", "items": {"type": "number"}}


def openapi() -> JsonObject:
    """The description of all addresses.

    Returns
    -------
    dict

    Examples
    --------
    >>> from sk_qdots.page.openapi import openapi
    >>> sorted(openapi()["paths"])[:3]
    ['/', '/api/jobs', '/api/jobs/{job}']
    """
    fields: JsonObject = {
        name: {**field.schema, "description": field.about} for name, field in FIELDS.items()
    }
    files: JsonObject = {
        "blank": {
            **_FILE,
            "description": "of a crystal: the pure liquid, measured in the same way",
        },
        "cif": {**_FILE, "description": "instead of a sizer: a crystal"},
    }
    assert set(files) | {"instrument"} == set(FILE_FIELDS)
    one: JsonObject = {"file": {**_FILE, "description": "the measured pattern"}}
    many: JsonObject = {"file": {"type": "array", "items": _FILE, "maxItems": 2000}}
    arrays: JsonObject = {
        "q": {**_ARRAY, "description": "1/Angstrom; or two_theta"},
        "two_theta": {**_ARRAY, "description": "degrees"},
        "intensity": _ARRAY,
        "esd": {**_ARRAY, "description": "standard deviations of the intensity"},
        "source": {"type": "string", "description": "what the pattern is called"},
        "instrument": {"description": "a name, or an instrument as its to_json has it"},
    }
    either = {key: value for key, value in fields.items() if key != "instrument"}
    size_form = {**one, **files, **fields, "format": _FORMATS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sk_qdots page",
            "version": version("sk_qdots"),
            "description": "Sizes of nanocrystals from X-ray patterns, on this computer. The token "
            "of the link goes along as ?token=, X-Token or Authorization: Bearer.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "security": [{"query": []}, {"header": []}, {"bearer": []}],
        "paths": {
            "/": {"get": _operation("page", "The page", {"200": _html("the page")})},
            "/static/{name}": {
                "get": _operation(
                    "static",
                    "Scripts and styles of the page",
                    {"200": {"description": "a file"}},
                    parameters=[_path("name")],
                )
            },
            "/api/size": {
                "post": _operation(
                    "size",
                    "Size one pattern",
                    {
                        "200": {
                            "description": f"the answer ({SCHEMA}), or what format asks for",
                            "content": {"application/json": {"schema": _ref("Sizing")}},
                        },
                        "422": _error(
                            "the pattern is refused; asks names fields that may settle it"
                        ),
                        **_errors("400", "408", "413", "415", "503", "504"),
                    },
                    body={
                        "multipart/form-data": {"schema": _object(size_form, ["file"])},
                        "application/json": {
                            "schema": _object(
                                {**arrays, **files, **either, "format": _FORMATS}, ["intensity"]
                            )
                        },
                    },
                )
            },
            "/api/sizers": {
                "get": _operation(
                    "sizers",
                    "Sizers, crystals and instruments by name",
                    {"200": _json("names", {})},
                )
            },
            "/api/series": {
                "post": _operation(
                    "series",
                    "Size many patterns; ask the job how far it is",
                    {"202": _json("the job", _ref("Job")), **_errors("400", "413", "415", "503")},
                    body={
                        "multipart/form-data": {
                            "schema": _object(
                                {
                                    **many,
                                    **files,
                                    **fields,
                                    "per_frame": {"type": "number", "description": "seconds"},
                                    "modified": {
                                        "type": "string",
                                        "description": "JSON list: when each file was changed, "
                                        "seconds since 1970",
                                    },
                                },
                                ["file"],
                            )
                        }
                    },
                )
            },
            "/api/watch": {
                "post": _operation(
                    "watch",
                    "Size the patterns of a folder as they come; ask the job for them",
                    {"202": _json("the job", _ref("Job")), **_errors("400", "413", "415", "503")},
                    body={
                        "multipart/form-data": {
                            "schema": _object(
                                {
                                    "folder": {"type": "string", "description": "its path"},
                                    "pattern": {"type": "string", "description": "of names: *.chi"},
                                    **files,
                                    **fields,
                                },
                                ["folder"],
                            )
                        }
                    },
                )
            },
            "/api/jobs": {
                "get": _operation("jobs", "Jobs that are kept", {"200": _json("jobs", {})})
            },
            "/api/jobs/{job}": {
                "get": _operation(
                    "job",
                    "How far a job is, with its rows",
                    {"200": _json("the job", _ref("Job")), **_errors("404")},
                    parameters=[_path("job"), _query("since", "the first row", "integer")],
                ),
                "delete": _operation(
                    "cancel",
                    "End a job; what it knows is kept",
                    {"200": _json("the job", _ref("Job")), **_errors("404", "409")},
                    parameters=[_path("job")],
                ),
            },
            "/api/jobs/{job}/file": {
                "get": _operation(
                    "series_file",
                    "What a job knows so far, as a file",
                    {"200": {"description": "the file"}, **_errors("400", "404", "409", "503")},
                    parameters=[_path("job"), _query("format", "csv, nc, nxs or png", "string")],
                )
            },
            "/api/openapi.json": {
                "get": _operation("openapi", "This description", {"200": _json("this", {})})
            },
        },
        "components": {
            "securitySchemes": {
                "query": {"type": "apiKey", "in": "query", "name": "token"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {"Error": _ERROR, "Job": _JOB, "Sizing": _SIZING},
        },
    }


_ERROR: JsonObject = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "reason", "asks"],
            "properties": {
                "code": {"type": "string"},
                "reason": {"type": "string"},
                "plain": {"type": "string", "description": "without options of the command"},
                "source": {"type": "string"},
                "asks": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
_JOB: JsonObject = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "kind": {"enum": ["series", "watch", "told"]},
        "title": {"type": "string"},
        "state": {"enum": ["running", "done", "cancelled", "failed"]},
        "reason": {"type": "string"},
        "n_total": {"type": "integer"},
        "n_done": {"type": "integer"},
        "verdicts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "rows": {"type": "array", "items": {"type": "object"}},
    },
}
_INTERVAL: JsonObject = {"type": ["array", "null"], "items": {"type": ["number", "null"]}}
_SIZING: JsonObject = {
    "type": "object",
    "description": "what Sizing.to_json of sk_qdots gives; diameters in nm",
    "required": ["schema", "verdict", "reasons", "number_diameter", "interval", "units"],
    "properties": {
        "schema": {"const": SCHEMA},
        "source": {"type": "string"},
        "verdict": {"enum": ["ok", "caution"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "leading": {"enum": ["number_diameter", "volume_diameter"]},
        "number_diameter": {"type": ["number", "null"]},
        "interval": _INTERVAL,
        "volume_diameter": {"type": ["number", "null"]},
        "volume_interval": _INTERVAL,
        "dispersion": {"type": ["number", "null"]},
        "strain": {"type": ["number", "null"]},
        "coverage": {"type": "number"},
        "fit": {"type": ["object", "null"]},
        "engines": {"type": "object"},
        "units": {"type": "object"},
        "settings": {"type": "object"},
        "versions": {"type": "object"},
    },
}


def _operation(
    name: str,
    summary: str,
    responses: JsonObject,
    *,
    parameters: list[Json] | None = None,
    body: JsonObject | None = None,
) -> JsonObject:
    told: JsonObject = {
        "operationId": name,
        "summary": summary,
        "responses": {**responses, "403": _error("the token is missing, or another page asks")},
    }
    if parameters:
        told["parameters"] = parameters
    if body:
        told["requestBody"] = {"required": True, "content": body}
    return told


def _object(properties: JsonObject, required: list[Json]) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(about: str, schema: JsonObject) -> JsonObject:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _html(about: str) -> JsonObject:
    return {"description": about, "content": {"text/html": {}}}


def _error(about: str) -> JsonObject:
    return _json(about, _ref("Error"))


def _errors(*statuses: str) -> JsonObject:
    return {status: _error("what is wrong, and what to do") for status in statuses}


def _path(name: str) -> JsonObject:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str, about: str, kind: str) -> JsonObject:
    return {"name": name, "in": "query", "description": about, "schema": {"type": kind}}
