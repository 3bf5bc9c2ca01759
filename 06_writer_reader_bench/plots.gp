# plots.gp - latency.svg and throughput.svg from a comparison's CSV file:  make plots
#
# Colours: Okabe and Ito's, which also those can tell apart who see fewer of them; and a mark for each.

if (!exists("csv")) csv = 'build/bench.csv'
folder = '06_writer_reader_bench/'

set datafile separator ','
set datafile missing NaN # rows of other ways don't interrupt a line
set terminal svg size 860,500 font 'Helvetica,15' background rgb 'white' dynamic rounded
set border 3 lc rgb '#666666'
set tics nomirror out scale 0.6 textcolor rgb '#333333'
set grid xtics ytics lc rgb '#dddddd' lw 1 lt 1
set key outside right center vertical Left reverse spacing 1.5 samplen 2.5 textcolor rgb '#333333'
set logscale x 2
set logscale y 10
set xlabel 'message size' textcolor rgb '#333333'
set xrange [45:15000000]
set xtics ('64 B' 64, '1 KiB' 1024, '64 KiB' 65536, '1 MiB' 1048576, '10 MiB' 10485760)

set linetype 1 lc rgb '#0072b2' lw 3 pt 7 ps 0.9
set linetype 2 lc rgb '#56b4e9' lw 2 pt 6 ps 1.3
set linetype 3 lc rgb '#009e73' lw 2 pt 5 ps 0.8
set linetype 4 lc rgb '#e69f00' lw 2 pt 9 ps 1.0
set linetype 5 lc rgb '#d55e00' lw 2 pt 11 ps 1.0
set linetype 6 lc rgb '#cc79a7' lw 2 pt 13 ps 1.1
set linetype 7 lc rgb '#000000' lw 2 pt 2 ps 0.9
set linetype 8 lc rgb '#999999' lw 2 dt 2 pt 0

# The rows of one test, one transport, one way to wait; a field of each.
rows(test, transport, wait, field) = \
    (strcol(1) eq test && strcol(2) eq transport && strcol(3) eq wait ? column(field) : NaN)

ways = "'shm spin' 'mmap spin' 'shm futex' 'pipe' 'unix' 'tcp' 'mq'"
titles = "'shm, spinning' 'mmap, spinning' 'shm, futex' 'pipe' 'Unix socket' 'TCP loopback' 'POSIX queue'"
way(i) = word(word(ways, i), 1)
wait(i) = words(word(ways, i)) > 1 ? word(word(ways, i), 2) : ''

set output folder.'latency.svg'
set title 'Latency: one way, half of the median round trip; lower is better' textcolor rgb '#333333'
set yrange [0.02:50000]
set ytics ('10 ns' 0.01, '100 ns' 0.1, '1 µs' 1, '10 µs' 10, '100 µs' 100, '1 ms' 1000, '10 ms' 10000)
plot for [i = 1:words(ways)] csv using 4:(rows('latency', way(i), wait(i), 8) / 2) \
    with linespoints lt i title word(titles, i)

set output folder.'throughput.svg'
set title 'Throughput: received as a whole; higher is better' textcolor rgb '#333333'
set yrange [5:100000]
set ytics ('10 MB/s' 10, '100 MB/s' 100, '1 GB/s' 1000, '10 GB/s' 10000, '100 GB/s' 100000)
plot for [i = 1:words(ways)] csv using 4:(rows('throughput', way(i), wait(i), 12)) \
    with linespoints lt i title word(titles, i), \
    csv using 4:(rows('limit', 'copies', '', 12)) with lines lt 8 title 'two copies at once'
