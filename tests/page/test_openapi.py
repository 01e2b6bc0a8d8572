"""The description of the interface, and the function that asks it."""

import json
import urllib.error

import numpy as np
import pytest
from page_requests import COLLOID
from starlette.routing import Route

import sk_qdots as sq
from sk_qdots.page import PageError, RunningPage, ask
from sk_qdots.page.app import Settings, make_app
from sk_qdots.page.openapi import SCHEMA, openapi
from sk_qdots.page.questions import FIELDS
from sk_qdots.sizing import answer


@pytest.fixture(scope="module")
def told(client):
    return client.get("/api/openapi.json").json()


def test_every_address_is_described(told, tmp_path):
    routes = make_app(Settings(port=1, folder=tmp_path)).routes
    there = {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, methods in told["paths"].items() for method in methods}
    assert described == there


def test_every_field_is_described(told):
    bodies = told["paths"]["/api/size"]["post"]["requestBody"]["content"]
    form = bodies["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file", "blank", "cif", "format", *FIELDS}
    arrays = bodies["application/json"]["schema"]["properties"]
    assert {"q", "two_theta", "intensity", "esd", *FIELDS} <= set(arrays)
    for name, field in form["properties"].items():
        assert field.get("description"), name


def test_references_lead_somewhere_and_names_are_unique(told):
    text = json.dumps(told)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in told["components"]["schemas"]
    names = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)
    assert told["openapi"].startswith("3.1") and told == openapi()
    assert SCHEMA == answer.SCHEMA


def test_answers_are_as_described(told, size, content):
    found = size(content, wavelength="0.5642").json()
    described = told["components"]["schemas"]["Sizing"]
    assert set(described["required"]) <= set(found)
    assert set(described["properties"]) <= set(found)


def test_one_function_asks(page):
    found = ask(page.url, COLLOID, wavelength=0.5642, fast=True)
    pattern = sq.read_pattern(COLLOID, wavelength=0.5642)
    expected = sq.load_sizer("PbS").size(pattern, engine="network")
    assert found["number_diameter"] == pytest.approx(expected.number_diameter, rel=1e-9)


def test_one_function_asks_with_arrays(page):
    pattern = sq.read_pattern(COLLOID, wavelength=0.5642)
    found = ask(
        page.url, q=pattern["q"].values, intensity=pattern.values, source="mine", subtracted=False
    )
    assert found["source"] == "mine" and found["verdict"] == "ok"
    assert np.isfinite(found["volume_diameter"])


def test_it_tells_why_not(page):
    with pytest.raises(PageError, match="wavelength") as refused:
        ask(page.url, COLLOID)
    assert refused.value.status == 422 and refused.value.asks == ("wavelength",)
    with pytest.raises(PageError, match="diameters") as refused:
        ask(page.url, COLLOID, wavelength=0.5642, diameters=(2, 8))
    assert refused.value.status == 400
    with pytest.raises(PageError, match="token"):
        ask(page.url.split("?")[0], COLLOID)
    with pytest.raises(urllib.error.URLError):
        ask("http://127.0.0.1:9/?token=x", COLLOID)


@pytest.mark.parametrize("models", [["/nowhere/no/folder/at/all"], []])
def test_what_is_no_sizer_is_told_at_the_start(models, tmp_path):
    with pytest.raises(ValueError, match="is no folder of a sizer"):
        RunningPage(models=[*models, str(tmp_path)])
