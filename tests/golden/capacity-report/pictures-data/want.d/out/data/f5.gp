# Drawn by capacity-report; run gnuplot on it in this folder to draw it again.
set encoding utf8
if (!exists("pdf")) {
  set terminal svg size 560,300 dynamic noenhanced font 'sans-serif,14' linewidth 1.5 rounded name 'f5'
  set output 'f5.svg'
} else {
  set title 'Picture 5'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
set key outside top left horizontal Left reverse noenhanced samplen 3 textcolor rgb '#1f2933'
set lmargin 9
set rmargin 3
set key width -2
set yrange [0:2885.76]
set xrange [0:12]
set xlabel 'seconds since the load began' textcolor rgb '#1f2933'
plot 'f5-0.dat' using 1:2 with filledcurves y1=0 fc rgb '#d55e00' fs transparent solid 0.16 noborder notitle, \
     'f5-0.dat' using 1:2 with lines lc rgb '#d55e00' lw 1.8 dt 1 title columnhead(2), \
     'f5-4.dat' using 1:2 with lines lc rgb '#1f2933' lw 1.4 dt 2 title columnhead(2), \
     'f5-5.dat' using 1:2 with lines lc rgb '#1f2933' lw 1.8 dt 3 title columnhead(2)
