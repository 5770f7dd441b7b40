# Drawn by capacity-report; run gnuplot on it in this folder to draw it again, with -e narrow=1 for a phone.
set encoding utf8
if (!exists("narrow")) narrow = 0
if (narrow) {
  set terminal svg size 400,380 dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name 'f1n'
  set output 'f1n.svg'
} else {
  set terminal svg size 860,430 dynamic noenhanced font 'sans-serif,12' linewidth 1.5 rounded name 'f1'
  set output 'f1.svg'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
if (narrow) { set key tmargin left vertical maxcols 1 Left reverse noenhanced samplen 2.5 textcolor rgb '#1f2933'
} else { set key outside top left horizontal Left reverse noenhanced samplen 3 width 0 textcolor rgb '#1f2933' }
set lmargin 9
set rmargin 3
set logscale xy
set xrange [100:1.86916]
set yrange [2.523e-05:0.004312]
if (narrow) { set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p99' 1, 'p99.9' 0.1, 'p99.99' 0.01) } else {
set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p95' 5, 'p99' 1, 'p99.5' 0.5, 'p99.9' 0.1, 'p99.99' 0.01) }
set ytics ('1 µs' 1e-6, '10 µs' 1e-5, '100 µs' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 0.1, '1 s' 1, '5 s' 5, '10 s' 10, '100 s' 100)
set xlabel 'slower than this share of lookups' textcolor rgb '#1f2933'
plot 'f1-0-lab.dat' using 1:2 with linespoints lc rgb '#d55e00' lw 1.6 dt 1 pt 7 ps 0.55 pointinterval 24 title columnhead(2), \
     'f1-interval0-lab.dat' using 1:3:(0):($4-$3) with vectors heads size graph 0.006,90 lc rgb '#d55e00' lw 1 dt 1 notitle, \
     'f1-0-sim.dat' using 1:2 with linespoints lc rgb '#d55e00' lw 1.2 dt 2 pt 7 ps 0.35 pointinterval 24 title columnhead(2), \
     'f1-1-lab.dat' using 1:2 with linespoints lc rgb '#0072b2' lw 1.6 dt 1 pt 5 ps 0.55 pointinterval 24 title columnhead(2), \
     'f1-interval1-lab.dat' using 1:3:(0):($4-$3) with vectors heads size graph 0.006,90 lc rgb '#0072b2' lw 1 dt 1 notitle, \
     'f1-1-sim.dat' using 1:2 with linespoints lc rgb '#0072b2' lw 1.2 dt 2 pt 5 ps 0.35 pointinterval 24 title columnhead(2)
