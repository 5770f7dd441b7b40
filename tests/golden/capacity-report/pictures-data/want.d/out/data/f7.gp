# Drawn by capacity-report; run gnuplot on it in this folder to draw it again.
set encoding utf8
if (!exists("pdf")) {
  set terminal svg size 860,380 dynamic noenhanced font 'sans-serif,12' linewidth 1.5 rounded name 'f7'
  set output 'f7.svg'
} else {
  set title 'Picture 7'
}
set border 3 lc rgb '#6b7785' lw 0.7
set tics nomirror out scale 0.4 textcolor rgb '#1f2933'
set grid lc rgb '#d9dee5' lw 0.6 dt 1
set key outside top left horizontal Left reverse noenhanced samplen 3 textcolor rgb '#1f2933'
set lmargin 9
set rmargin 3
set yrange [0:3026.8]
set xrange [-0.5:1.5]
set grid noxtics
set xtics scale 0
set ylabel 'questions' textcolor rgb '#1f2933'
set format y '%g'
plot 'f7-tics.dat' using 1:2:xticlabels(3) with points ps 0 notitle, \
     'f7-0-0.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#d55e00' fs solid 1 border lc rgb '#fffffe' lw 1 notitle, \
     'f7-0-4.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#d55e00' fs transparent solid 0.28 border lc rgb '#d55e00' lw 1 notitle, \
     'f7-1-0.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#0072b2' fs solid 1 border lc rgb '#fffffe' lw 1 notitle, \
     'f7-1-4.dat' using 1:3:1:2:3:4 with boxxyerror fc rgb '#0072b2' fs transparent solid 0.28 border lc rgb '#0072b2' lw 1 notitle, \
     'f7-labels.dat' using 1:2:3 with labels offset 0,0.6 textcolor rgb '#1f2933' notitle
