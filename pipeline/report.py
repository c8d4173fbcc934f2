"""Stage: make the page data/report/index.html, on which the tracks can be heard and seen.

Open it in a browser; it needs no network. `report.tracks` says of which tracks it holds sound and
pictures.
"""

from pathlib import Path

from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import CLIPS, FEATURE_STORES, REPORT
from pipeline.base.params import lookup, read_name, read_section
from pipeline.pages.media import beside, open_media
from pipeline.pages.report_page import page, read_run
from pipeline.pages.track_list import ReportParams
from pipeline.store.build import replacing_folder


def main() -> None:
    """Make the page of the run that the other stages left."""
    command_line(__doc__).parse_args()
    choice = read_section(ReportParams, "report").tracks
    features = FEATURE_STORES / read_name("feature")
    run = read_run(Path(lookup("dataset.path")).name)
    with replacing_folder(REPORT) as folder, open_media(CLIPS, features, beside(folder)) as media:
        content = page(run, choice, media)
        (folder / "index.html").write_text(content, encoding="utf-8")
    size = sum(path.stat().st_size for path in REPORT.rglob("*") if path.is_file())
    print(f"{REPORT / 'index.html'}: {size / 1e6:.1f} MB with sound and pictures")


if __name__ == "__main__":
    run_stage(main)
