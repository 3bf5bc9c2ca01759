#!/usr/bin/env bash
# record.sh - records terminals and draws them as pictures/*.svg, moving where the viewer can, else the last frame
#
# Usage: record.sh [plot|ring|bench ...]     (default: all of them)
# No scripts, no fonts, no links in the pictures: they may stand in any page. Best on a machine that does nothing else.
# Exit status: 0 drawn, or termtosvg is missing; 1 something went wrong.

set -eu
cd "$(dirname "$0")/.."
if ! command -v termtosvg >/dev/null; then
    echo 'recordings: skipped: termtosvg is missing; on Debian and Ubuntu: sudo apt-get install termtosvg'
    exit 0
fi
[ $# -gt 0 ] || set -- plot ring bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TERM=xterm-256color LC_ALL=C.UTF-8
unset CI NO_COLOR

# record NAME COLUMNSxROWS FRAME_MS COMMAND: frames that are shorter are left out, longer than 2 s cut short.
record() {
    mkfifo "$work/keys"
    exec 3<>"$work/keys" # its input never comes to its end
    echo "$4" >"$work/command"
    termtosvg record "$work/cast" -g "$2" -c "bash '$work/command'" <&3 >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
    exec 3>&-
    rm "$work/keys"
    sed -i '/1049l/,$d' "$work/cast" # what stands on the screen is the end of it, not what stood there before
    termtosvg render "$work/cast" "$work/svg" -m "$3" -M 2000 -D 3000 -t base16_default_dark >"$work/said" 2>&1 ||
        { cat "$work/said"; exit 1; }
    mkdir -p pictures
    tidy "$work/svg" >"pictures/$1.svg"
    echo "pictures/$1.svg: $(wc -c <"pictures/$1.svg") bytes"
}

# Takes out the renderer's own settings, comments, blanks and cursors; sets the text so that it stands right in viewers
# that know neither baselines nor lengths of text, too; and puts the last frame where nothing moves.
tidy() { # SVG
    local last width height
    last=$(sed -n 's/^ *100\.000%{transform:translateY(\(-[0-9]*\)px)}.*/\1/p' "$1")
    read -r width height < <(sed -n 's/.*<svg id="screen" width="\([0-9]*\)" height="\([0-9]*\)".*/\1 \2/p' "$1")
    sed -E -e '/<termtosvg:template_settings/,/<\/termtosvg:template_settings>/d' -e '/\/\*/,/\*\//d' \
        -e 's|<text [^>]*> *</text>||g' -e 's|<rect [^>]* width="8" height="17" class="foreground"/>||g' \
        -e 's/<text /<text y="13" /g' -e '/dominant-baseline/d' \
        -e "s/font-family: .*/font-family: 'DejaVu Sans Mono', Menlo, 'Liberation Mono', Consolas, monospace;/" \
        -e 's/font-size: 14px/font-size: 13.3px/' \
        -e "1s/ viewBox=.*/ xml:space=\"preserve\" viewBox=\"0 0 $((width + 16)) $((height + 16))\" width=\"$((width + 16))\" version=\"1.1\">/" \
        -e 's|^ *<svg id="screen"|<rect width="100%" height="100%" rx="6" class="background"/>\n<svg id="screen" x="8" y="8"|' \
        -e "s/<g id=\"screen_view\">/<g id=\"screen_view\" transform=\"translate(0,${last:-0})\">/" \
        -e 's/^ +//' "$1" | sed '/^$/d'
}

make -s 02_buffer_transfer/{producer,consumer} 03_ring_buffer/{producer,consumer} 06_writer_reader_bench/{writer,reader}
for picture; do
    case $picture in
        plot) record plot 66x18 500 'LIVE=second tools/run_pair.sh "02_buffer_transfer/producer --points 240 --rate 40 --name /record" \
            "02_buffer_transfer/consumer --name /record"' ;;
        ring) record ring 80x16 250 'MAKE=true tools/demo.sh ring_buffer' ;;
        bench) record bench 66x40 100 'MAKE=true tools/demo.sh writer_reader_bench' ;;
        *) echo "record: there is no picture '$picture'; give plot, ring or bench" >&2; exit 2 ;;
    esac
done
