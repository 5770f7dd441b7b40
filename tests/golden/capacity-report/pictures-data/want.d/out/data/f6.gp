# Drawn by capacity-report; run gnuplot on it in this folder to draw it again, with -e narrow=1 for a phone.
set encoding utf8
if (!exists("narrow")) narrow = 0
if (narrow) {
  set terminal svg size 400,320 dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name 'f6n'
  set output 'f6n.svg'
} else {
  set terminal svg size 460,300 dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name 'f6'
  set output 'f6.svg'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
if (narrow) { set key tmargin left vertical maxcols 1 Left reverse noenhanced samplen 2.5 textcolor rgb '#1f2933'
} else { set key outside top left horizontal Left reverse noenhanced samplen 3 width -2 textcolor rgb '#1f2933' }
set lmargin 9
set rmargin 3
set yrange [0:2992.64]
set xrange [0:12]
set xlabel 'seconds since the load began' textcolor rgb '#1f2933'
plot 'f6-lab.dat' using 1:2 with filledcurves y1=0 fc rgb '#d55e00' fs transparent solid 0.16 noborder notitle, \
     'f6-lab.dat' using 1:2 with lines lc rgb '#d55e00' lw 1.8 dt 1 title columnhead(2), \
     'f6-sim.dat' using 1:2 with lines lc rgb '#1f2933' lw 1.4 dt 2 title columnhead(2), \
     'f6-model.dat' using 1:2 with lines lc rgb '#1f2933' lw 1.8 dt 3 title columnhead(2)
