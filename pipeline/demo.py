"""Stage: write the small synthetic dataset on which a fresh clone runs."""

from pipeline.base.cli import command_line, run_stage
from pipeline.base.files import DEMO, DEMO_TRUTH
from pipeline.base.params import read_section, read_seed
from pipeline.synthesis.demo_dataset import DemoParams, write_demo


def main() -> None:
    """Write the demo dataset that params.yaml asks for."""
    command_line(__doc__).parse_args()
    write_demo(DEMO, DEMO_TRUTH, read_section(DemoParams, "demo"), read_seed())


if __name__ == "__main__":
    run_stage(main)
