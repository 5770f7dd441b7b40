# Drawn by capacity-report; run gnuplot on it in this folder to draw it again, with -e narrow=1 for a phone.
set encoding utf8
if (!exists("narrow")) narrow = 0
if (narrow) {
  set terminal svg size 400,420 dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name 'f5n'
  set output 'f5n.svg'
} else {
  set terminal svg size 860,430 dynamic noenhanced font 'sans-serif,12' linewidth 1.5 rounded name 'f5'
  set output 'f5.svg'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
if (narrow) { set key tmargin left vertical maxcols 1 Left reverse noenhanced samplen 2.5 textcolor rgb '#1f2933'
} else { set key outside top left horizontal Left reverse noenhanced samplen 3 width 0 textcolor rgb '#1f2933' }
set lmargin 9
set rmargin 3
set logscale x
set xrange [0.001078:927.5]
set yrange [5.7:-0.8]
set grid noytics
set ytics scale 0
set lmargin (narrow ? 3 : 34)
set object 1 rectangle from 0.8333,graph 0 to 1.2,graph 1 fc rgb '#d9dee5' fs solid 0.6 noborder behind
set arrow 1 from 1,graph 0 to 1,graph 1 nohead lc rgb '#6b7785' lw 1
set xlabel 'predicted / measured' textcolor rgb '#1f2933'
set xtics ('1/1000' 0.001, '1/100' 0.01, '1/10' 0.1, '1/2' 0.5, '1' 1, '2' 2, '10' 10, '100' 100, '1000' 1000)
if (narrow) unset ytics
low = 0.0011
plot 'f5-tics.dat' using (narrow ? low : 1):(narrow ? $2 - 0.42 : $2):(narrow ? stringcolumn(3) : '') with labels left textcolor rgb '#1f2933' notitle, \
     'f5-tics.dat' using 1:2:yticlabels(3) with points ps 0 notitle, \
     'f5-0-sim.dat' using 1:2 with points lc rgb '#d55e00' pt 7 ps 0.8 lw 1.2 title columnhead(2), \
     'f5-0-model.dat' using 1:2 with points lc rgb '#d55e00' pt 6 ps 1.1 lw 1.2 title columnhead(2), \
     'f5-1-sim.dat' using 1:2 with points lc rgb '#0072b2' pt 5 ps 0.8 lw 1.2 title columnhead(2)
