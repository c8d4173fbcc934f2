"""Write .dvc/plots.html: the page of `dvc plots`, with Vega inside, so that it needs no network.

`make plots-page` runs it after vl-convert-python, which has Vega's source, was renewed.
"""

import sys
from pathlib import Path

import vl_convert

VEGA_LITE = "5.21"  # DVC's templates are written for version 5
PAGE = """<!doctype html>
<html lang="en">
<head>
{{refresh_tag}}
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; \
img-src 'self' file: data: blob:">
<title>Plots</title>
<style>
body {{ margin: 0 auto; max-width: 1400px; padding: 24px; font: 15px/1.5 system-ui, sans-serif; }}
table {{ border-spacing: 15px; }}
</style>
<script>
{vega}
</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def page() -> str:
    """The template, in which DVC fills two places, and no script that it would load."""
    vega = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    return PAGE.format(vega=vega.replace("</script", "<\\/script"))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("plots.html"))
    target.write_text(page(), encoding="utf-8")
