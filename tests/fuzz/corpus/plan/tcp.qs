#qs 1	kind	t_ns	colour	client
# x
o	1	blue	fd00::1
c	9223372036854775807	-	::ffff:1.2.3.4
