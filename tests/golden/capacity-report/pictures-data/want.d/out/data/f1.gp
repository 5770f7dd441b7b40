# Drawn by capacity-report; run gnuplot on it in this folder to draw it again.
set encoding utf8
if (!exists("pdf")) {
  set terminal svg size 860,430 dynamic noenhanced font 'sans-serif,12' linewidth 1.5 rounded name 'f1'
  set output 'f1.svg'
} else {
  set title 'Picture 1'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
set key outside top left horizontal Left reverse noenhanced samplen 3 textcolor rgb '#1f2933'
set lmargin 9
set rmargin 3
set logscale xy
set xrange [100:1.86916]
set yrange [2.523e-05:0.004312]
set xtics ('all' 100, 'p50' 50, 'p90' 10, 'p95' 5, 'p99' 1, 'p99.5' 0.5, 'p99.9' 0.1, 'p99.99' 0.01)
set ytics ('10 µs' 1e-5, '100 µs' 1e-4, '1 ms' 1e-3, '10 ms' 1e-2, '100 ms' 0.1, '1 s' 1, '10 s' 10)
set xlabel 'slower than this share of lookups' textcolor rgb '#1f2933'
plot 'f1-0-0.dat' using 1:2 with linespoints lc rgb '#d55e00' lw 1.6 dt 1 pt 7 ps 0.55 pointinterval 24 title columnhead(2), \
     'f1-0-4.dat' using 1:2 with linespoints lc rgb '#d55e00' lw 1.2 dt 2 pt 7 ps 0.35 pointinterval 24 title columnhead(2), \
     'f1-1-0.dat' using 1:2 with linespoints lc rgb '#0072b2' lw 1.6 dt 1 pt 5 ps 0.55 pointinterval 24 title columnhead(2), \
     'f1-1-4.dat' using 1:2 with linespoints lc rgb '#0072b2' lw 1.2 dt 2 pt 5 ps 0.35 pointinterval 24 title columnhead(2)
