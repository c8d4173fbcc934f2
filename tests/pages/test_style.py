"""The style that all pages share: colours that everybody can read, in either theme."""

import re
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.pages import charts

STYLE = (files("pipeline.pages") / "templates" / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in STYLE.split("@media")[:2])
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
# What somebody sees who lacks one kind of cones, of linear RGB: Machado et al. (2009), "A
# physiologically-based model for simulation of color vision deficiency", severity 1.
BLINDNESS: dict[str, list[list[float]]] = {
    "none": np.eye(3).tolist(),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# CIE XYZ of linear RGB: the primaries of sRGB (IEC 61966-2-1).
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> npt.NDArray[np.float64]:
    """Linear RGB of a colour in sRGB, within 0 to 1."""
    coded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of the Web Content Accessibility Guidelines 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, blindness: str) -> npt.NDArray[np.float64]:
    """CIE L*a*b* of a colour as somebody sees it, under the light D65."""
    rgb = np.clip(np.array(BLINDNESS[blindness]) @ linear(colour), 0, 1)
    share = XYZ @ rgb / XYZ.sum(axis=1)  # of the white of the screen
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@THEMES
def test_text_can_be_read(theme: dict[str, str]) -> None:
    for name in ("ink", "soft", "gained", "lost"):
        assert contrast(theme[name], theme["card"]) >= 4.5, name
    for name in ("ink", "soft"):
        assert contrast(theme[name], theme["ground"]) >= 4.5, name
    for name in ("reference", "other"):
        assert contrast(theme[name], theme["card"]) >= 3, name


@THEMES
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_what_differs_in_colour_can_be_told_apart(theme: dict[str, str], blindness: str) -> None:
    for one, other in (("gained", "lost"), ("reference", "other")):
        difference = seen(theme[one], blindness) - seen(theme[other], blindness)
        assert np.linalg.norm(difference) > 20, (one, other)


def test_every_colour_is_in_both_themes() -> None:
    used = {str(value) for value in vars(charts).values() if str(value).startswith("var(--")}
    named = {name for text in (STYLE, *used) for name in re.findall(r"var\(--(\w+)\)", text)}
    assert named == LIGHT.keys() == DARK.keys()
