"""Arguments that commands share."""

from __future__ import annotations

import argparse

import pytest

from mmdet_miaod.cli.arguments import (
    UsageError,
    add_config_options,
    add_verbosity,
    config_options,
    positive,
)


def parse(*words: str) -> dict:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_config_options(parser)
    return config_options(parser.parse_args(words).cfg_options)


def test_config_options_have_the_grammar_of_mmdetection() -> None:
    words = ['a=1', 'b.c=0.5', 'd=true', 'e=None', 'f=x=y', 'g=1,2', 'h=[(1, 2),[a]]', 'j=(1,)', 'k=b(']
    assert parse('--cfg-options', *words, "i='text'") == {
        'a': 1, 'b.c': 0.5, 'd': True, 'e': None, 'f': 'x=y', 'g': [1, 2], 'h': [(1, 2), ['a']], 'j': (1,),
        'k': 'b(', 'i': 'text',
    }  # fmt: skip
    assert parse() == {}


@pytest.mark.parametrize('word', ['a', '=1', '', 'a=[1,2', 'a=(1,2]'])
def test_what_is_no_pair_is_wrong_usage(word) -> None:
    with pytest.raises(argparse.ArgumentError):
        parse('--cfg-options', 'b=1', word)


def test_a_value_that_only_mmcv_finds_wrong_is_wrong_usage_too() -> None:
    for pair in ('a=[1)]', 'a=[(1],2)'):
        with pytest.raises(UsageError, match='argument --cfg-options: brackets do not match in b=1 a='):
            config_options(['b=1', pair])


@pytest.mark.parametrize('text', ['0', '-1', 'x', '1.5'])
def test_a_positive_number_is_whole_and_at_least_1(text) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--n', type=positive)
    assert parser.parse_args(['--n', '1']).n == 1
    with pytest.raises(argparse.ArgumentError):
        parser.parse_args(['--n', text])


@pytest.mark.parametrize('words', [['-q', 'sub'], ['sub', '-q']])
def test_quiet_is_heard_before_and_after_a_sub_command(words) -> None:
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers().add_parser('sub')
    add_verbosity(sub, default=argparse.SUPPRESS)
    add_verbosity(parser)
    arguments = parser.parse_args(words)
    assert (arguments.quiet, arguments.verbose) == (True, False)
