"""Train single models of several settings and seeds, and count those that collapse.

Models that are recorded are not trained again, so that more seeds only add models; the table of all
records goes to stdout, with those of the studies of --also. One process trains one model after the other on
the CPU.

example: %(prog)s configs/experiments/bccd_collapse.py --data-root data/bccd
"""

import argparse
from dataclasses import replace
from pathlib import Path

from ..cli.arguments import add_config_options, add_data_root, config_options
from ..cli.command_line import Command, configure_messages
from ..cli.configs import find_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the study, and what of it to train."""
    parser.add_argument('study', type=find_config, metavar='STUDY.py', help='see configs/experiments')
    parser.add_argument(
        '--also',
        nargs='+',
        type=find_config,
        default=(),
        metavar='STUDY.py',
        help='further studies, which are not trained: the table has their records too',
    )
    add_data_root(parser)
    add_config_options(parser)
    parser.add_argument(
        '--records',
        metavar='FILE.jsonl',
        help="the records, which new models are added to (default: the study's)",
    )
    parser.add_argument(
        '--losses', type=Path, metavar='FILE.jsonl', help='losses of new models are added to it'
    )
    parser.add_argument('--settings', nargs='*', metavar='NAME', help='settings to train (default: all)')
    parser.add_argument('--seeds', nargs='+', type=int, metavar='N', help="default: the study's")
    parser.add_argument(
        '--page', type=Path, metavar='PAGE.md', help='write the table into this page too, where its marks are'
    )


def main(arguments: argparse.Namespace) -> None:
    """Train what is not recorded, and print the table."""
    from ..experiments.collapse import collapse_table, read_records
    from ..experiments.page import fill_page
    from ..experiments.single_models import load_study, train_models
    from ..run.files import write_text
    from ..run.outputs import check_outputs, claimed

    configure_messages(arguments)
    study = load_study(arguments.study)
    chosen = study.settings if arguments.settings is None else arguments.settings
    study = replace(
        study,
        options={**study.options, **config_options(arguments.cfg_options)},
        settings={name: study.settings[name] for name in chosen},
        seeds=arguments.seeds or study.seeds,
        records=Path(arguments.records or study.records),
    )
    if arguments.losses is not None:
        check_outputs([arguments.losses], [study.records, arguments.study], ['{"setting": '])
    with claimed(study.records):
        train_models(study, arguments.data_root, arguments.losses)
    others = [load_study(path) for path in arguments.also]
    table = collapse_table({some.data: read_records(some.records) for some in (study, *others)})
    print(table)
    if arguments.page is not None:
        page = fill_page(
            arguments.page.read_text(encoding='utf-8'), study.records.stem, dict(collapses=table)
        )
        write_text(arguments.page, page)


def hint(arguments: argparse.Namespace) -> str:
    """Return how to resume."""
    return 'The same command resumes where it stopped.'


COMMAND = Command(__doc__, add_arguments, main, hint)
