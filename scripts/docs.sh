#!/usr/bin/env bash
# Build the documentation as a site, any warning being an error: bash scripts/docs.sh [SITE_FOLDER]
# SITE_FOLDER is site/ by default; its pages need no network, also when opened from disk.
# MkDocs needs Python 3.10 or later and nothing of this project's environment; it is installed once,
# in .venv-docs or the folder that MIAOD_DOCS_VENV names.
set -euo pipefail
if [[ ${1:-} == -* ]]; then
    sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    [[ $1 == -h || $1 == --help ]] && exit 0 || exit 2
fi
called_from="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
site="${1:-site}"
if [[ -n ${1:-} && $site != /* ]]; then site="$called_from/$site"; fi
venv="${MIAOD_DOCS_VENV:-.venv-docs}"
stamp="$venv/.requirements"
if ! cmp -s requirements/docs.txt "$stamp"; then
    base="${MIAOD_PYTHON:-}"
    for candidate in python3.11 python3.12 python3.10 python3; do
        [[ -n $base ]] || base="$(command -v "$candidate" || true)"
    done
    [[ -n $base ]] || { echo "docs.sh: no python3 was found; MIAOD_PYTHON=/path/to/python names one." >&2; exit 1; }
    echo "Installing MkDocs into $venv."
    "$base" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements/docs.txt
    cp requirements/docs.txt "$stamp"
fi
# NO_MKDOCS_2_WARNING: a notice of the theme about a later MkDocs, which the pin keeps away
NO_MKDOCS_2_WARNING=1 "$venv/bin/python" -m mkdocs build --strict --quiet --clean --site-dir "$site"
echo "The documentation is in $site: open $site/index.html"
