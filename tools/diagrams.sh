#!/usr/bin/env bash
# diagrams.sh - lets Mermaid's own parser read every diagram in every .md file
#
# Usage: diagrams.sh
# The parser is the npm package mermaid, which wants a page: jsdom. They are fetched into build/mermaid, once.
# Exit status: 0 each one parses, or there is no parser; 1 one doesn't.

set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
    echo 'diagrams: skipped: npm is missing; on Debian and Ubuntu: sudo apt-get install npm'
    exit 0
fi
mkdir -p build/mermaid
if [ ! -e build/mermaid/done ]; then
    npm install --silent --no-fund --no-audit --prefix build/mermaid mermaid@11 jsdom@22 >build/mermaid/said 2>&1 || {
        echo 'diagrams: skipped: npm cannot fetch mermaid and jsdom; what it says is in build/mermaid/said'
        exit 0
    }
    touch build/mermaid/done
fi
cp tools/diagrams.mjs build/mermaid
node build/mermaid/diagrams.mjs ./*.md ./*/*.md
