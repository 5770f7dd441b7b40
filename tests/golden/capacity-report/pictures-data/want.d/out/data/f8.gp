# Drawn by capacity-report; run gnuplot on it in this folder to draw it again, with -e narrow=1 for a phone.
set encoding utf8
if (!exists("narrow")) narrow = 0
if (narrow) {
  set terminal svg size 400,320 dynamic noenhanced font 'sans-serif,13' linewidth 1.5 rounded name 'f8n'
  set output 'f8n.svg'
} else {
  set terminal svg size 860,430 dynamic noenhanced font 'sans-serif,12' linewidth 1.5 rounded name 'f8'
  set output 'f8.svg'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
if (narrow) { set key tmargin left vertical maxcols 1 Left reverse noenhanced samplen 2.5 textcolor rgb '#1f2933'
} else { set key outside top left horizontal Left reverse noenhanced samplen 3 width 0 textcolor rgb '#1f2933' }
set lmargin 9
set rmargin 3
set yrange [0:3026.8]
set xrange [-0.5:1.5]
set grid noxtics
set xtics scale 0
if (narrow) set xtics scale 0 rotate by 30 right
set ylabel 'questions' textcolor rgb '#1f2933'
set format y '%g'
plot 'f8-tics.dat' using 1:2:xticlabels(3) with points ps 0 notitle, \
     'f8-0-lab.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#d55e00' fs solid 1 border lc rgb '#fffffe' lw 1 notitle, \
     'f8-0-sim.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#d55e00' fs transparent solid 0.28 border lc rgb '#d55e00' lw 1 notitle, \
     'f8-1-lab.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#0072b2' fs solid 1 border lc rgb '#fffffe' lw 1 notitle, \
     'f8-1-sim.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#0072b2' fs transparent solid 0.28 border lc rgb '#0072b2' lw 1 notitle, \
     'f8-labels.dat' using 1:2:3 with labels offset 0,0.6 textcolor rgb '#1f2933' notitle
